//! S3 URIs: what is preserved, what is refused, and with which words.

use sagemaker_async_inference::{InvalidInput, S3Uri};

fn parse(uri: &str) -> Result<S3Uri, InvalidInput> {
    uri.parse()
}

#[test]
fn odd_keys_come_back_byte_for_byte() -> Result<(), InvalidInput> {
    let pieces = [
        "a", "/", "//", "%20", "%", "+", " ", "?", "#", "&", "=", ":", "~", "..", ".", "ü", "日本",
        "\\", "\"", "\n", "s3://", "\u{301}",
    ];
    for first in pieces {
        for second in pieces {
            for third in pieces {
                let key = format!("{first}{second}{third}");
                let uri = S3Uri::new("my-bucket", key.as_str())?;
                let text = uri.to_string();
                assert_eq!(text, format!("s3://my-bucket/{key}"));
                assert_eq!(parse(&text)?, uri);
                assert_eq!(uri.key(), key);
                let json = serde_json::to_string(&uri).expect("a string");
                assert_eq!(serde_json::from_str::<S3Uri>(&json).expect("was one"), uri);
            }
        }
    }
    Ok(())
}

#[test]
fn a_key_may_be_absent() -> Result<(), InvalidInput> {
    for text in ["s3://my-bucket", "s3://my-bucket/"] {
        let uri = parse(text)?;
        assert_eq!(
            (uri.bucket(), uri.key(), uri.has_key()),
            ("my-bucket", "", false)
        );
        assert_eq!(String::from(uri), "s3://my-bucket/");
    }
    assert!(parse("s3://my-bucket//")?.has_key());
    Ok(())
}

#[test]
fn join_puts_one_slash_between() -> Result<(), InvalidInput> {
    let joined = |base, part| Ok::<_, InvalidInput>(parse(base)?.join(part)?.to_string());
    assert_eq!(joined("s3://abc", "x")?, "s3://abc/x");
    assert_eq!(joined("s3://abc/p", "x/y")?, "s3://abc/p/x/y");
    assert_eq!(joined("s3://abc/p/", "x")?, "s3://abc/p/x");
    assert_eq!(joined("s3://abc/p/", "/x")?, "s3://abc/p//x");
    assert_eq!(joined("s3://abc/p", "../x")?, "s3://abc/p/../x");
    assert!(parse("s3://abc/p")?.join(&"x".repeat(1023)).is_err());
    Ok(())
}

#[test]
fn keys_have_1024_bytes_at_most() {
    assert!(S3Uri::new("abc", "k".repeat(1024)).is_ok());
    assert!(S3Uri::new("abc", "ü".repeat(512)).is_ok());
    let error = S3Uri::new("abc", "ü".repeat(513)).expect_err("1026 bytes");
    assert!(error.to_string().contains("it has 1026"), "{error}");
    assert_eq!(error.value().map(|value| value.chars().count()), Some(81));
}

#[test]
fn bucket_names_that_exist_anywhere_are_taken() {
    let longest = "a".repeat(255);
    for name in [
        "abc",
        "a-b",
        "a.b",
        "1ab",
        "a--b",
        "my-bucket-s3alias",
        "1.2.3",
        "My-bucket",
        "my_bucket",
        "_ab",
        "ab.",
        "a..b",
        "tenant:bucket",
        longest.as_str(),
    ] {
        let uri = S3Uri::new(name, "k").expect(name);
        assert_eq!(parse(&uri.to_string()).as_ref(), Ok(&uri));
    }
    let longer = "a".repeat(256);
    for (name, word) in [
        ("", "after `s3://`"),
        ("ab", "length"),
        ("..", "length"),
        (longer.as_str(), "length"),
        ("192.168.5.4", "IP address"),
        ("bücket", "other characters"),
        ("a b", "other characters"),
        ("a?b", "other characters"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint", "alias"),
    ] {
        let error = S3Uri::new(name, "k").expect_err(name);
        assert_eq!(error.what(), "S3 bucket name");
        assert!(error.remedy().contains(word), "{error}");
    }
}

#[test]
fn other_forms_are_refused_with_words() {
    for (uri, word) in [
        ("my-bucket/key", "`s3://`"),
        ("S3://my-bucket/key", "lower case"),
        ("", "`s3://`"),
        ("s3:///key", "bucket's name"),
        ("arn:aws:s3:::my-bucket/key", "instead of the ARN"),
        (
            "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ap/key",
            "instead of the ARN",
        ),
    ] {
        let error = parse(uri).expect_err(uri);
        assert!(error.to_string().contains(word), "{error}");
    }
    let error =
        parse("https://my-bucket.s3.amazonaws.com/key?X-Amz-Signature=abcdef").expect_err("web");
    assert!(!format!("{error} {error:?}").contains("abcdef"));
}

#[test]
fn conversions_agree() {
    let uri = S3Uri::new("my-bucket", "k").expect("valid");
    assert_eq!(S3Uri::try_from("s3://my-bucket/k").as_ref(), Ok(&uri));
    assert_eq!(
        S3Uri::try_from("s3://my-bucket/k".to_owned()).as_ref(),
        Ok(&uri)
    );
    assert!(serde_json::from_str::<S3Uri>("\"s3://B\"").is_err());
    assert!(uri < S3Uri::new("my-bucket", "l").expect("valid"));
}
