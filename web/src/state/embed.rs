//! The line of HTML that puts a stream on somebody's page.

/// The line, for a relay's origin such as `https://relay.example`. The frame keeps its shape before anything is loaded.
pub fn embed_line(origin: &str, name: &str, title: &str) -> String {
    format!(
        "<iframe src=\"{origin}/embed/{name}\" allow=\"autoplay; fullscreen; picture-in-picture\" \
         style=\"aspect-ratio:16/9;width:100%;border:0\" title=\"{}\"></iframe>",
        escaped(title)
    )
}

/// Text inside a quoted attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_break_out_of_its_attribute() {
        let line = embed_line("https://relay.example", "film", "\"><script> & co");
        assert!(line.contains("title=\"&quot;>&lt;script> &amp; co\""), "{line}");
        assert!(line.starts_with("<iframe src=\"https://relay.example/embed/film\" "), "{line}");
    }
}
