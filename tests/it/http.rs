//! Routes, cookies, headers, errors.
