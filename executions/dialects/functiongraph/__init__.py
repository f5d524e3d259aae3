"""Huawei Cloud FunctionGraph's workflow interface, as its SDKs call it (spec cloud-dialects 2)."""
