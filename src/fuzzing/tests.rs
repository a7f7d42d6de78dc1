//! Random combinations of the texts that the parsers recognize.

use proptest::prelude::*;

/// Texts that the parsers recognize, and any others.
fn pieces(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => "\\PC{0,12}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn uris(data in pieces(&["s3://", "https://", "arn:aws:s3:::", "my-bucket", "a", ".", "/", "..", "-", "?", "%2F", " "])) {
        super::s3_uri(&data);
    }

    #[test]
    fn xml_of_responses(data in pieces(&["<Error>", "</Error>", "<Code>", "</Code>", "<Message>", "</Message>", "&amp;", "&#x0;", "&#65;", "&nope;", "<![CDATA[", "]]>", "<!--", "-->", "<?xml version=\"1.0\"?>", "<a b='c'/>", "text", "<AssumeRoleResult>", "<Credentials>", "</", ">"])) {
        super::xml(&data);
    }

    #[test]
    fn listings(data in pieces(&["<ListBucketResult>", "</ListBucketResult>", "<Contents>", "</Contents>", "<Key>", "</Key>", "<Size>", "</Size>", "12", "a/b%2B+c", "<EncodingType>url</EncodingType>", "<IsTruncated>true</IsTruncated>", "<CommonPrefixes><Prefix>", "</Prefix></CommonPrefixes>", "%", "&lt;"])) {
        super::listing(&data);
    }

    /// In a frame, and mostly of whole elements, so that many are of the form that needs no XML reader.
    #[test]
    fn pages_of_listings(inside in pieces(&["<Contents>", "<Key>a/b</Key>", "<Key>%2B+c</Key>", "<Key></Key>", "<Size>7</Size>", "<Size> 8\n</Size>", "<ETag>&quot;e&quot;</ETag>", "<ETag>&amp;</ETag>", "<LastModified>2026</LastModified>", "<StorageClass>STANDARD</StorageClass>", "</Contents>", "<Contents><Key>d</Key><Size>9</Size></Contents>", "<EncodingType>url</EncodingType>", "<EncodingType>xml</EncodingType>", "<IsTruncated>true</IsTruncated>", "<NextContinuationToken>1+/=</NextContinuationToken>", "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>", "<Prefix>%</Prefix>", "<Name>b</Name>", "<Key/>", "<Owner><ID>o</ID></Owner>", "\r\n", "<!-- -->", "<![CDATA[x]]>"]), few in 0_usize..6) {
        let frames = [
            ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">", "</ListBucketResult>"),
            ("<ListBucketResult>", "</ListBucketResult>\n"),
            ("<ListBucketResult><Contents>", "</Contents></ListBucketResult>"),
            ("<ListBucketResult><EncodingType>url</EncodingType>", "</ListBucketResult> x"),
            ("<a:ListBucketResult>", "</a:ListBucketResult>"),
            ("<ListBucketResult><Contents><Key>", "</Key></Contents></ListBucketResult>"),
        ];
        let (begin, end) = frames[few];
        super::listing(&[begin.as_bytes(), &inside, end.as_bytes()].concat());
    }

    #[test]
    fn error_responses(data in pieces(&["x-amzn-errortype: ", "retry-after: ", "x-amz-retry-after: ", "date: ", "x-amz-bucket-region: ", "x-amzn-requestid: ", "\n", "\n\n", "Sun, 06 Nov 1994 08:49:37 GMT", "4294967296", "-1", "7", "Throttling#a:b", "{\"__type\": \"", "\", \"message\": \"", "\"}", "{\"code\": 7}", "<Error><Code>", "</Code></Error>", "[[[[", "The Canonical String"])) {
        super::error_response(&data);
    }

    #[test]
    fn times(data in pieces(&["2026-01-02", "T", "03:04:05", ".999999999", "Z", "+23:59", "-00:00", "9999-12-31", "0000-01-01", "24:00:00", "60", " "])) {
        super::time(&data);
    }

    #[test]
    fn profiles(data in pieces(&["[default]", "[profile a]", "[services s]", "[sso-session x]", "\n", "\r\n", "region = us-east-1", "role_arn=", "services = s", "s3 =\n  endpoint_url = http://x", "endpoint_url", "= ", "#", ";", " ", "\t", "]", "[", "max_attempts = 3", "ca_bundle = /h/.aws/config"])) {
        super::profile(&data);
    }

    #[test]
    fn handles(data in pieces(&["{", "}", "\"version\":1", "\"version\":2", ",", "\"endpoint_name\":\"e\"", "\"output_path\":\"s3://my-bucket/out\"", "\"failure_path\":null", "\"submitted_at\":", "\"inference_id\":\"i\"", "1e400", "-1", "18446744073709551615", "\u{0}"])) {
        super::handle(&data);
    }

    #[test]
    fn journals(data in pieces(&["{", "}", "\"version\":1", ",", "\"input\":7", "\"input\":18446744073709551616", "\"sha256\":\"ab\"", "\"begun\":\"i\"", "\"refused\":\"no\\n\"", "\"submitted\":", "{\"version\":1,\"endpoint_name\":\"e\",\"output_path\":\"s3://my-bucket/out\"}", "\"begun\":null", "\u{0}"])) {
        super::journal(&data);
    }

    #[test]
    fn documents_of_credentials(data in pieces(&["{", "}", ",", "\"AccessKeyId\":\"AKID\"", "\"SecretAccessKey\":\"hush\"", "\"Token\":\"hush\"", "\"Expiration\":\"2999-01-01T00:00:00Z\"", "\"Expiration\":\"never\"", "\"AccountId\":\"123456789012\"", "\"Code\":\"Failed\"", "null", "7", ":"])) {
        super::credentials(&data);
    }

    #[test]
    fn notifications(data in pieces(&["{", "}", ",", "\"Type\":\"Notification\"", "\"Message\":\"", "\"", "\\\"", "\"invocationStatus\":\"Completed\"", "\"invocationStatus\":\"Failed\"", "\"failureReason\":\"no\"", "\"responseParameters\":{\"outputLocation\":\"s3://my-bucket/out\"}", "\"requestParameters\":{\"endpointName\":\"e\"}", "\"inferenceId\":\"i\"", "\"eventTime\":\"2026-01-02T03:04:05Z\"", "[", "null"])) {
        super::notification(&data);
    }

    #[test]
    fn bodies_of_results(data in pieces(&["{", "}", "[", "]", ",", ":", "\"a\"", "NaN", "Infinity", "-Infinity", "null", "true", "1", "-0", "0.1", "1e400", "123456789012345678901234567890", "-9223372036854775809", "\n", "\"\\ud83d\"", "\"\\u00e9\"", " ", "\"", "1,2", "\u{feff}"])) {
        super::codecs(&data);
    }

    #[test]
    fn whole_journals(data in pieces(&["{\"version\":1", "}", "\n", ",", "\"input\":7", "\"begun\":\"i\"", "\"refused\":\"no\"", "\"submitted\":", "{\"version\":1,\"endpoint_name\":\"e\",\"output_path\":\"s3://my-bucket/out\"}", "\"sha256\":\"ab\""])) {
        super::whole_journal(&data);
    }

    #[test]
    fn bundles_of_certificates(data in pieces(&["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN TRUSTED CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----", "\n", "\r\n", "MIIB", "AAAA", "====", " ", "#", "-----", "\u{feff}"])) {
        super::pem_bundle(&data);
    }

    #[test]
    fn settings_of_the_network(data in pieces(&["\n", "http://", "https://", "socks5://", "user:hush@", "127.0.0.1", ":8080", ":99999", "[::1]", "localhost", "/", "?", "*", ".example.com", ",", "10.0.0.0/8", "us-east-1", "%", "@", " "])) {
        super::network_settings(&data);
    }
}

// These go over a connection, so that each case takes its time.
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn responses_of_services(data in pieces(&["{", "}", "[", "]", ",", ":", "\"EndpointName\"", "\"EndpointStatus\"", "\"InService\"", "\"ProductionVariants\"", "\"CurrentInstanceCount\"", "\"AsyncInferenceConfig\"", "\"CreationTime\"", "1.5e9", "-1", "1e400", "null", "\"s3://my-bucket/x\"", "\"ScalableTargets\"", "\"ScalingPolicies\"", "\"MetricDataResults\"", "\"Values\"", "\"Endpoints\"", "\"NextToken\"", "\"Tags\"", "<Credentials>", "x-amzn-requestid: 7\n", "\n\n"])) {
        super::service_responses(&data);
    }

    #[test]
    fn responses_with_objects(data in pieces(&["content-range: bytes 0-3/4\n", "content-range: bytes 9-3/*\n", "etag: \"v1\"\n", "x-amz-checksum-crc32: ", "x-amz-checksum-crc64nvme: ", "x-amz-checksum-sha256: ", "AAAAAA==", "AAAA-2", "\n", "\n\n", "x-amz-mp-parts-count: 7\n", "content-type: a/b\n", "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\n", "body"])) {
        super::object_responses(&data);
    }

    #[test]
    fn cached_tokens_of_sso(data in pieces(&["{", "}", ",", ":", "\"accessToken\"", "\"expiresAt\"", "\"2999-01-01T00:00:00Z\"", "\"1999-01-01T00:00:00Z\"", "\"refreshToken\"", "\"clientId\"", "\"clientSecret\"", "\"registrationExpiresAt\"", "\"hush\"", "null", "7", "\"roleCredentials\""])) {
        super::sso_cache(&data);
    }
}

#[cfg(feature = "local")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn requests_of_any_form(data in pieces(&["GET ", "PUT ", "POST ", "/", " HTTP/1.1\r\n", "HTTP/1.0", "Host: a\r\n", "Content-Length: 3\r\n", "Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "\r\n", "\n", " ", "3\r\nabc\r\n", "0\r\n\r\n", "%", "?list-type=2", "/endpoints/e/async-invocations", ":", "	"])) {
        super::emulator_http(&data);
    }

    #[test]
    fn bodies_in_chunks(data in pieces(&["3\r\nabc\r\n", "0\r\n", "\r\n", "ffffffffffffffff\r\n", "3;chunk-signature=ab\r\n", "x-amz-checksum-crc32:AAAAAA==\r\n", "x-amz-trailer-signature:ab\r\n", "5", "g", ";", "-1\r\n"])) {
        super::aws_chunked(&data);
    }

    #[test]
    fn signatures(data in pieces(&["AWS4-HMAC-SHA256 ", "Credential=", "AKID/20260101/us-east-1/s3/aws4_request", ", ", "SignedHeaders=", "host;x-amz-date", "Signature=", "00", "/", ";", "=", "%", "&", "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Expires=99999999999", "X-Amz-Date=20260101T000000Z"])) {
        super::signature(&data);
    }

    #[test]
    fn documents_in_xml(data in pieces(&["<Delete>", "</Delete>", "<Object>", "</Object>", "<Key>", "</Key>", "a", "<CompleteMultipartUpload>", "</CompleteMultipartUpload>", "<Part>", "</Part>", "<PartNumber>", "</PartNumber>", "<ETag>", "</ETag>", "1", "10001", "-1", "&amp;", "&#0;", "<![CDATA[", "]]>", "<!--", "<?xml version=\"1.0\"?>"])) {
        super::emulator_xml(&data);
    }

    #[test]
    fn headers_of_ranges(data in pieces(&["bytes=", "bytes ", "0-", "-1", "5-2", "0-18446744073709551615", "18446744073709551616-", ",", " ", "-", "*", "items=0-1", "0-0", "-0"])) {
        super::ranges(&data);
    }
}
