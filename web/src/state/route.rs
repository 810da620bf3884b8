//! Which page an address means.

/// A page of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// What this is, and what plays here.
    Home,
    /// One stream, by its name.
    Watch(String),
    /// An address that means nothing.
    Missing,
}

impl Route {
    /// The page of a path such as `/watch/sample`.
    pub fn of(path: &str) -> Route {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match (parts.next(), parts.next(), parts.next()) {
            (None, _, _) | (Some("index.html"), None, _) => Route::Home,
            (Some("watch"), Some(name), None) => Route::Watch(name.to_owned()),
            _ => Route::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_its_addresses() {
        assert_eq!(Route::of("/"), Route::Home);
        assert_eq!(Route::of("/index.html"), Route::Home);
        assert_eq!(Route::of("/watch/sample"), Route::Watch("sample".into()));
        assert_eq!(Route::of("/watch/sample/"), Route::Watch("sample".into()));
        for nowhere in ["/watch", "/watch/a/b", "/earn", "/Watch/sample"] {
            assert_eq!(Route::of(nowhere), Route::Missing, "{nowhere}");
        }
    }
}
