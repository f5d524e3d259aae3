"""iFlyRPA's open API (spec cloud-dialects 3): programs start workflows and read their own runs by a bearer key."""
