//! Reads the paths of a Rust source file: enough of the language for `use` trees and inline paths.

/// A path that starts at the crate's root, with the names that follow `crate::`.
pub(super) type Path = Vec<String>;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Mark(char),
}

/// All `crate::`, `super::` and `self::` paths of `source`, which is the module `module`, without comments, texts
/// and items for tests, as paths from the root. Only a path that imports the root itself has no name: a glob
/// (`crate::*`) or another name for it (`crate as root`), after which other modules could be named unseen.
pub(super) fn paths_of(source: &str, module: &[String]) -> Vec<Path> {
    let tokens = without_tests(&tokens_of(source));
    let mut found = Vec::new();
    let mut inline: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        match &tokens[at] {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => {
                depth -= 1;
                inline.pop_if(|(_, opened)| *opened == depth);
            }
            Token::Word(word) if word == "mod" && is_mark(&tokens, at + 2, '{') => {
                if let Some(Token::Word(name)) = tokens.get(at + 1) {
                    inline.push((name.clone(), depth));
                }
            }
            Token::Word(word) if is_start(&tokens, at) => {
                let mut base: Path = module.to_vec();
                base.extend(inline.iter().map(|(name, _)| name.clone()));
                match word.as_str() {
                    "crate" => base.clear(),
                    "super" => drop(base.pop()),
                    _ => {}
                }
                let begins = matches!(word.as_str(), "crate" | "super" | "self");
                if begins && is_separator(&tokens, at + 1) {
                    at = read_tree(&tokens, at + 3, base, &mut found);
                    continue;
                }
                if begins && is_word(&tokens, at + 1, "as") {
                    found.push(base);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Whether `word` stands anywhere in `source` outside comments, texts and items for tests.
pub(super) fn names(source: &str, word: &str) -> bool {
    without_tests(&tokens_of(source)).contains(&Token::Word(word.to_owned()))
}

/// Whether a path can begin here: no other one goes on here.
fn is_start(tokens: &[Token], at: usize) -> bool {
    at < 2 || !is_separator(tokens, at - 2)
}

fn is_mark(tokens: &[Token], at: usize, mark: char) -> bool {
    tokens.get(at) == Some(&Token::Mark(mark))
}

fn is_word(tokens: &[Token], at: usize, word: &str) -> bool {
    matches!(tokens.get(at), Some(Token::Word(other)) if other == word)
}

fn is_separator(tokens: &[Token], at: usize) -> bool {
    is_mark(tokens, at, ':') && is_mark(tokens, at + 1, ':')
}

/// Reads what follows a `::`; returns where it ends.
fn read_tree(tokens: &[Token], mut at: usize, mut base: Path, found: &mut Vec<Path>) -> usize {
    loop {
        match tokens.get(at) {
            Some(Token::Mark('{')) => {
                at += 1;
                while at < tokens.len() && !is_mark(tokens, at, '}') {
                    at = match tokens[at] {
                        Token::Word(_) | Token::Mark('{' | '*') => {
                            read_tree(tokens, at, base.clone(), found)
                        }
                        // A comma, or what only a macro has there.
                        Token::Mark(_) => at + 1,
                    };
                }
                return at + 1;
            }
            Some(Token::Word(word)) => {
                match word.as_str() {
                    "super" => drop(base.pop()),
                    "self" => {}
                    _ => base.push(word.clone()),
                }
                at += 1;
                if is_separator(tokens, at) {
                    at += 2;
                    continue;
                }
                if is_word(tokens, at, "as") {
                    at += 2;
                }
            }
            // A glob, or the arguments of a generic type, which are read on their own.
            Some(Token::Mark('*')) => at += 1,
            _ => {}
        }
        found.push(base);
        return at;
    }
}

/// Leaves out every item that is compiled for tests alone: under `#[cfg(test)]` or `#[cfg(all(test, ..))]`. What
/// `not` or `any` lets into other builds stays, but for that of the fuzz targets.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_mark(tokens, at, '#') && is_mark(tokens, at + 1, '[') {
            let end = closing(tokens, at + 1);
            let attribute = &tokens[at..end];
            let has = |word: &str| attribute.contains(&Token::Word(word.to_owned()));
            let is_for_tests =
                (has("test") || has("doctest")) && !has("not") && (!has("any") || has("fuzzing"));
            at = if has("cfg") && is_for_tests {
                end_of_item(tokens, end)
            } else {
                kept.extend_from_slice(attribute);
                end
            };
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item that begins at `at` ends: after its `;` or its braces, further attributes included. A field, a
/// variant or an argument ends at the latest where what holds it does.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at] {
            Token::Mark(';') => return at + 1,
            Token::Mark('}' | ']' | ')') => return at,
            Token::Mark('{') => {
                let end = closing(tokens, at);
                // The braces of a use tree are followed by its semicolon.
                return end + usize::from(is_mark(tokens, end, ';'));
            }
            Token::Mark('[' | '(') => at = closing(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The place after the bracket that closes the one at `at`.
fn closing(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token {
            Token::Mark('{' | '[' | '(') => depth += 1,
            Token::Mark('}' | ']' | ')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    tokens.len()
}

fn tokens_of(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let starts = |at: usize, text: &str| {
        text.chars()
            .enumerate()
            .all(|(n, c)| chars.get(at + n) == Some(&c))
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if starts(at, "//") {
            at += chars[at..].iter().take_while(|c| **c != '\n').count();
        } else if starts(at, "/*") {
            at = after_comment(&chars, at);
        } else if c == '"' {
            at = after_text(&chars, at);
        } else if let Some((mark, hashes)) = raw_text(&chars, at) {
            let end = format!("\"{}", "#".repeat(hashes));
            // Past the `r`, its hashes and the quote.
            at = mark + hashes + 2;
            while at < chars.len() && !starts(at, &end) {
                at += 1;
            }
            at += end.len();
        } else if c == '\'' {
            at = after_quote(&chars, at);
        } else if c.is_alphanumeric() || c == '_' {
            let length = chars[at..]
                .iter()
                .take_while(|c| c.is_alphanumeric() || **c == '_')
                .count();
            tokens.push(Token::Word(chars[at..at + length].iter().collect()));
            at += length;
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Mark(c));
            }
            at += 1;
        }
    }
    tokens
}

fn after_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn after_text(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += 1 + usize::from(chars[at] == '\\');
    }
    at + 1
}

/// The place of the `r` and the number of hashes of the raw text that begins here, if one does: `r""`, `br#""#`.
fn raw_text(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let mark = at + usize::from(matches!(chars[at], 'b' | 'c'));
    if chars.get(mark) != Some(&'r') {
        return None;
    }
    let hashes = chars[mark + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(mark + 1 + hashes) == Some(&'"')).then_some((mark, hashes))
}

/// Past a character, or past the quote of a lifetime.
fn after_quote(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            let rest = chars[at + 3..].iter().take_while(|c| **c != '\'').count();
            at + 4 + rest
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}

#[test]
fn reads_trees_inline_paths_and_modules_and_leaves_out_the_rest() {
    let source = r##"
        //! crate::comment::A
        /* crate::comment::B /* crate::comment::C */ crate::comment::D */
        use crate::a::{self, B as C, d::{E, F}, super_::G};
        use super::h::I;
        use std::crate_::J;
        pub(crate) use crate::glob::*;
        const TEXT: &str = "crate::text::K \" crate::text::L";
        const RAW: &[u8] = br#"crate::text::M " crate::text::Z"#;
        const QUOTE: [char; 3] = ['"', '\'', '\\'];
        fn f<'a>(x: &'a crate::inline::N<'a, crate::inline::O>) { crate::call::p(x) }
        mod inner { fn f() { super::q(); super::super::r::s(); } }
        fn g() { super::outer::t() }
        #[cfg(test)]
        use crate::test::{U, V};
        #[cfg(test)]
        mod tests { use super::*; use crate::test::W; }
        #[cfg(all(test, unix))]
        #[allow(dead_code)]
        fn only_for_tests() -> [u8; 2] { crate::test::x() }
        #[cfg(not(test))]
        fn last() { crate::last::y(); $crate::last::z() }
        #[cfg(any(test, feature = "local"))]
        fn not_for_tests_alone() { self::own(); self::super::super::up::aa() }
        struct Fields { #[cfg(test)] count: crate::test::Count }
        pub use super::super::up::{bb as cc, dd::*};
        use {crate::up::ee, super::super::up::ff};
    "##;
    let module = ["m".to_owned(), "n".to_owned()];
    let found: Vec<String> = paths_of(source, &module)
        .into_iter()
        .map(|path| path.join("::"))
        .collect();
    let expected = "a a::B a::d::E a::d::F a::super_::G m::h::I glob inline::N inline::O call::p \
                    m::n::q m::r::s m::outer::t last::y last::z m::n::own up::aa up::bb up::dd up::ee up::ff";
    assert_eq!(found.join(" "), expected);
}

#[test]
fn reports_imports_of_the_root_itself() {
    for source in [
        "use crate::*;",
        "use crate::{self as root};",
        "use crate as root;",
        "use super::super::*;",
        "use super::super as root;",
    ] {
        let module = ["m".to_owned(), "n".to_owned()];
        let root: [&[String]; 1] = [&[]];
        assert_eq!(paths_of(source, &module), root, "{source}");
    }
    let visible = "pub(super) fn f() {} pub(crate) struct S; pub(in crate::m) fn g(&self) {}";
    let module = ["m".to_owned()];
    assert_eq!(paths_of(visible, &module), [["m".to_owned()]]);
}
