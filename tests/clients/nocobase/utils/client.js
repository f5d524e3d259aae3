exports.getAuthCookieName = (name) => name;
