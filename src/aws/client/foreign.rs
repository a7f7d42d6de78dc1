//! Bodies that are not in a service's format: a web filter's page, another server's XML, plain text. They
//! are shown in errors, because nothing else identifies the sender.

/// What is read of a body, in bytes, and shown of it, in characters.
const MOST_READ: usize = 4096;
const MOST_SHOWN: usize = 300;

/// The beginning of a body in one line: of HTML its text, without characters that control a terminal.
/// `None` for an empty body, and for one that may hold a secret: it quotes the request, whose
/// body was `sent`, or is one word that may be a token or a payload.
pub(crate) fn excerpt(body: &[u8], sent: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(MOST_READ)]);
    if quotes_request(&text, sent) {
        return None;
    }
    let unreadable = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER);
    if unreadable.count() * 8 > text.chars().count() {
        return Some(format!("{} bytes that are not text", body.len()));
    }
    let line = if is_html(&text) {
        in_one_line(&without_markup(&text))
    } else {
        in_one_line(&text)
    };
    let is_one_word = !line.contains([' ', '<', '{']);
    if line.is_empty() || (is_one_word && !line.chars().all(char::is_alphabetic)) {
        return None;
    }
    let mut shown: String = line.chars().take(MOST_SHOWN).collect();
    if shown.len() < line.len() {
        shown.push_str("...");
    }
    Some(shown)
}

fn quotes_request(text: &str, sent: &[u8]) -> bool {
    const OF_REQUESTS: [&str; 4] = [
        "aws4-hmac-sha256",
        "x-amz-security-token",
        "x-amz-sso_bearer_token",
        "custom-attributes",
    ];
    let lower = text.to_ascii_lowercase();
    let start = String::from_utf8_lossy(&sent[..sent.len().min(64)]);
    OF_REQUESTS.iter().any(|name| lower.contains(name))
        || (!start.is_empty() && text.contains(&*start))
}

fn is_html(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let start: String = start.chars().take(512).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.contains("<html") || start.starts_with("<body")
}

/// The text between tags, without what scripts, styles and comments hold.
fn without_markup(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let lower = tag.get(..8).unwrap_or(tag).to_ascii_lowercase();
        let end = match () {
            () if lower.starts_with("!--") => "-->",
            () if lower.starts_with("script") => "</script>",
            () if lower.starts_with("style") => "</style>",
            () => ">",
        };
        // In any case of letters; offsets stay, for only ASCII changes.
        let found = tag.to_ascii_lowercase().find(end);
        rest = found.map_or("", |at| &tag[at + end.len()..]);
    }
    text.push_str(rest);
    text
}

/// Runs of blanks and of characters that control a terminal or the direction of text as one space.
fn in_one_line(text: &str) -> String {
    let steers = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let words = text.split(steers).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn a_body_is_shown_in_one_clean_short_line() {
        let long = "long ".repeat(80);
        let cut = format!("{}...", "long ".repeat(60));
        let page = "<!DOCTYPE html><html><head><title>Blocked</title><style>p {}</style>\
                    <SCRIPT>alert(1)</Script></head><!-- > --><body><h1>Web filter</h1>\r\n<p>Ask IT.";
        for (body, shown) in [
            (page.as_bytes(), Some("Blocked Web filter Ask IT.")),
            (
                b"no healthy\x1b[31m upstream\n",
                Some("no healthy [31m upstream"),
            ),
            (
                b"<?xml version='1.0'?>\n<Err>x</Err>",
                Some("<?xml version='1.0'?> <Err>x</Err>"),
            ),
            ("a\u{202e}b\u{9b}c".as_bytes(), Some("a b c")),
            (long.as_bytes(), Some(&cut)),
            (b"<html><script>never closed", None),
            (
                b"\x1f\x8b\x08\xff\xfe\xfd\x00\x01",
                Some("8 bytes that are not text"),
            ),
            (b"Forbidden", Some("Forbidden")),
            (b"b64-Like/Token==", None),
            (b"you sent: payload", None),
            (b"Authorization: AWS4-HMAC-SHA256 ..", None),
            (b" \r\n", None),
            (b"", None),
        ] {
            assert_eq!(excerpt(body, b"payload").as_deref(), shown, "{body:?}");
        }
    }
}
