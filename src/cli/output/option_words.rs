//! Errors of the library in the words of the command.

/// The library's API names, and the command's words for them.
const OPTION_WORDS: [(&str, &str); 30] = [
    ("Session::builder().region(..)", "--region"),
    (
        "no function provides one; give the session one, SessionBuilder::mfa or ProviderConfig::with_mfa",
        "there is no terminal to ask on; run the command in a terminal, or use a profile without mfa_serial",
    ),
    (
        "fetch it into a file with download(), or raise TransferConfig::max_result_bytes",
        "write the result to a file with --output",
    ),
    (
        "(`force_path_style`)",
        "(addressing_style = path below s3 = in the profile)",
    ),
    (
        "if it persists, raise the session's timeouts or check the network",
        "if it persists, check the network",
    ),
    ("AWS_CA_BUNDLE or the agent has", "AWS_CA_BUNDLE has"),
    ("(wait_in_service)", "(sagemaker-async describe)"),
    ("read it (ModelFailure::text) and", "read it and"),
    ("leave out inline()", "leave out --inline"),
    (
        "raise container_startup_health_check_timeout",
        "raise --startup-timeout",
    ),
    (
        "raise model_data_download_timeout",
        "raise --download-timeout",
    ),
    (
        "give all of them with variants(..)",
        "update it with the AWS CLI or the library",
    ),
    (
        "which only an agent of your own can give",
        "which this command cannot give and a program that uses the library can",
    ),
    (
        "or build with the cargo feature platform-verifier",
        "or install this command with the cargo feature platform-verifier",
    ),
    (
        "give the request a journal_key, or take the input from a file",
        "take the input from a file",
    ),
    (
        "call model(..) or model_name(..)",
        "give --image or --model-name",
    ),
    ("call instances(..) or variant(..)", "give --instance-type"),
    (
        "(LocalEndpointBuilder::credentials; --access-key",
        "(--access-key",
    ),
    ("(allow_insecure; --allow-insecure)", "(--allow-insecure)"),
    ("by its cancel token", "by an interruption"),
    (
        "delete the endpoint alone: delete(false)",
        "delete the endpoint alone with --keep-config",
    ),
    (
        "with SageMaker::update_endpoint",
        "with aws sagemaker update-endpoint",
    ),
    (
        "(describe_policies lists them, delete_policy deletes one)",
        "(aws application-autoscaling describe-scaling-policies lists them)",
    ),
    ("its cancel token", "an interruption"),
    (
        "set one with ResultQueue::with_visibility",
        "set one with --visibility",
    ),
    ("; read them with Notification::parse_all", ""),
    ("read its raw() JSON", "read the message"),
    (
        "send `null` with an Option, or allow_nan(true)",
        "send `null`, or",
    ),
    ("by its progress callback", "by an interruption"),
    ("the progress callback", "an interruption"),
];

/// A message with the command's options and variables in place of the library's API.
pub(in crate::cli) fn in_option_words(text: &str) -> String {
    OPTION_WORDS
        .iter()
        .filter(|(api, _)| text.contains(api))
        .fold(text.to_owned(), |text, (api, option)| {
            text.replace(api, option)
        })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // they read the sources
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{OPTION_WORDS, in_option_words};

    /// No message of the library names its API once it is in the command's words: every text of the sources is
    /// checked, so that a new one is found too.
    #[test]
    fn no_message_names_the_librarys_api() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut seen, mut found) = (0, Vec::new());
        for file in files(&source) {
            let below = file.strip_prefix(&source).expect("below");
            let other = ["cli", "local", "fuzzing", "guide"];
            if other.iter().any(|folder| below.starts_with(folder)) {
                continue;
            }
            for text in texts(&fs::read_to_string(&file).expect("a source")) {
                seen += 1;
                let shown = in_option_words(&text);
                if names_api(&shown) {
                    found.push(format!("{}: {shown}", below.display()));
                }
            }
        }
        assert!(seen > 1000, "{seen} texts");
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn every_word_is_of_a_message_that_there_is() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = files(&source).into_iter();
        let texts: Vec<_> = files
            .filter(|file| !file.starts_with(source.join("cli")))
            .flat_map(|file| texts(&fs::read_to_string(file).expect("a source")))
            .collect();
        let unused = OPTION_WORDS.map(|(api, _)| api).into_iter().filter(|api| {
            let is_there = texts.iter().any(|text| text.contains(api));
            !is_there && !WHOLE.contains(api)
        });
        assert_eq!(unused.collect::<Vec<_>>(), [""; 0]);
    }

    /// Words that a message puts together.
    const WHOLE: [&str; 2] = ["by its cancel token", "by its progress callback"];

    fn names_api(text: &str) -> bool {
        let path = text.match_indices("::").any(|(at, _)| {
            let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
            !text[..at].ends_with("iam")
                && letter(text[..at].chars().next_back())
                && letter(text[at + 2..].chars().next())
        });
        let call = ["()", "(..)", "(true)"].iter().any(|call| {
            text.match_indices(call).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
        });
        let words = [
            "cancel token",
            "progress callback",
            "agent of your own",
            "session's timeouts",
            "journal_key",
            "force_path_style",
            "max_result_bytes",
            "wait_in_service",
            "container_startup_health_check_timeout",
            "model_data_download_timeout",
        ];
        path || call || words.iter().any(|word| text.contains(word))
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .flat_map(|path| {
                if path.is_dir() {
                    files(&path)
                } else if path.extension().is_some_and(|end| end == "rs") {
                    vec![path]
                } else {
                    Vec::new()
                }
            })
            .collect()
    }

    /// The texts with a blank in a source, outside comments, attributes and tests.
    fn texts(source: &str) -> Vec<String> {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let mut chars = code.chars().peekable();
        let (mut found, mut line) = (Vec::new(), String::new());
        while let Some(c) = chars.next() {
            line.push(c);
            match c {
                '\n' => line.clear(),
                '/' if chars.peek() == Some(&'/') => {
                    while chars.next_if(|c| *c != '\n').is_some() {}
                }
                // A character, and not a lifetime.
                '\'' => {
                    let rest: String = chars.clone().take(3).collect();
                    if rest.starts_with('\\') || rest.chars().nth(1) == Some('\'') {
                        let escaped = chars.next() == Some('\\');
                        if escaped {
                            chars.next();
                        }
                        while chars.next_if(|c| *c != '\'').is_some() {}
                        chars.next();
                    }
                }
                '"' => {
                    let mut text = String::new();
                    while let Some(c) = chars.next() {
                        match c {
                            '"' => break,
                            '\\' => match chars.next() {
                                Some('\n') => {
                                    while chars.next_if(|c| c.is_whitespace()).is_some() {}
                                }
                                Some(c) => text.push(c),
                                None => {}
                            },
                            c => text.push(c),
                        }
                    }
                    let attribute = line.trim_start().starts_with("#[must_use");
                    if text.contains(' ') && !attribute {
                        found.push(text);
                    }
                }
                _ => {}
            }
        }
        found
    }
}
