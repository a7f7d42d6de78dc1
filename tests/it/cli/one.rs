//! One inference: predict, submit, wait, status.

use sagemaker_async_inference::local::{Fault, Operation};

use crate::cli::bench::{QUICK, Ran, bench, with_model};
use sagemaker_async_inference::local::ModelResponse;

#[test]
fn the_results_bytes_and_nothing_else() {
    let bench = bench();
    let input = bench.file("question.json", "hello");
    let ran = bench.quick(&["predict", bench.name(), "--input", &input]);
    ran.ends_with(0).printed("<hello>");
    assert_eq!(ran.stderr, "");
    let jobs = bench.endpoint.jobs();
    assert_eq!(jobs[0].content_type.as_deref(), Some("application/json"));
    assert_eq!(jobs[0].accept.as_deref(), Some("*/*"));
    assert_eq!(jobs[0].input_location, None);
}

#[test]
fn every_option_of_the_request() {
    let bench = bench();
    let options = [
        "predict",
        bench.name(),
        "--input",
        "-",
        "--content-type",
        "text/csv",
        "--accept",
        "text/plain",
        "--custom-attributes",
        "a=b",
        "--inference-id",
        "job-7",
        "--request-ttl",
        "10m",
        "--invocation-timeout",
        "90",
        "--filename",
        "response.csv",
        "--output-extension",
        "team/a",
        "--upload-to",
        "s3://bucket/in/",
    ];
    bench
        .run_with_input(&[&options[..], &QUICK].concat(), b"x")
        .ends_with(0)
        .printed("<x>");
    let job = bench.endpoint.jobs().pop().expect("a job");
    assert_eq!(job.inference_id, "job-7");
    assert_eq!(job.content_type.as_deref(), Some("text/csv"));
    assert_eq!(job.accept.as_deref(), Some("text/plain"));
    assert_eq!(job.custom_attributes.as_deref(), Some("a=b"));
    assert_eq!(job.request_ttl.as_secs(), 600);
    assert_eq!(job.invocation_timeout.as_secs(), 90);
    assert!(job.output_location.ends_with("/team/a/response.csv"));
    assert!(
        job.input_location
            .expect("uploaded")
            .starts_with("s3://bucket/in/")
    );
}

#[test]
fn an_input_in_s3_and_a_result_in_a_file() {
    let bench = bench();
    bench.endpoint.put_object("bucket", "scan.tiff", "pixels");
    let output = bench.path("result.bin");
    let shown = output.to_str().expect("UTF-8");
    let ran = bench.quick(&[
        "predict",
        bench.name(),
        "--input-location",
        "s3://bucket/scan.tiff",
        "--output",
        shown,
    ]);
    ran.ends_with(0).printed("");
    assert_eq!(
        std::fs::read_to_string(output).expect("the result"),
        "<pixels>"
    );
    let job = bench.endpoint.jobs().pop().expect("a job");
    assert_eq!(job.content_type.as_deref(), Some("image/tiff"));
}

#[test]
fn large_inputs_and_results() {
    let bench = with_model(|request| ModelResponse::ok(request.body.clone()));
    let large = "0123456789".repeat(2_000_000);
    let input = bench.file("large.bin", &large);
    let ran = bench.quick(&[
        "predict",
        bench.name(),
        "--input",
        &input,
        "--progress",
        "json",
    ]);
    assert!(ran.ends_with(0).stdout == large);
    assert!(ran.stderr.contains(r#""event":"upload""#), "{}", ran.stderr);
    assert!(ran.stderr.contains(r#""event":"download""#));
    let small = bench.run(&["predict", bench.name(), "--input", &input, "--inline"]);
    small.ends_with(2).says("128000").printed("");
}

#[test]
fn a_handle_is_taken_up_in_another_process() {
    let bench = bench();
    let input = bench.file("q.txt", "hello");
    let ran = bench.run(&["submit", bench.name(), "--input", &input]);
    let line = ran.ends_with(0).stdout.trim().to_owned();
    assert_eq!(ran.json()[0]["input"], input);
    bench
        .quick(&["wait", &line])
        .ends_with(0)
        .printed("<hello>");
    let file = bench.file("handle.json", &line);
    bench
        .quick(&["wait", &file])
        .ends_with(0)
        .printed("<hello>");
    let arguments = [&["wait", "-"][..], &QUICK].concat();
    let piped = bench.run_with_input(&arguments, line.as_bytes());
    piped.ends_with(0).printed("<hello>");
    let status = bench.run(&["status", &file]);
    let status = &status.ends_with(0).json()[0];
    assert_eq!(status["status"], "completed");
    assert_eq!(status["bytes"], 7);
}

#[test]
fn progress_is_machine_readable_on_request() {
    let bench = bench();
    bench.endpoint.fault(
        Fault::on(Operation::GetObject)
            .times(2)
            .error(404, "NoSuchKey"),
    );
    let input = bench.file("q.txt", "hello");
    let ran = bench.quick(&[
        "predict",
        bench.name(),
        "--input",
        &input,
        "--progress",
        "json",
    ]);
    ran.ends_with(0).printed("<hello>");
    let events: Vec<serde_json::Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let wait = events.iter().find(|event| event["event"] == "wait");
    let wait = wait.expect("a poll that found nothing");
    assert_eq!(wait["attempts"], 1);
    assert!(wait["elapsed_seconds"].is_number());
}

/// As ssh does, which sends its standard input to the program that it runs elsewhere.
#[cfg(unix)]
#[test]
fn a_credential_process_takes_nothing_of_a_piped_input() {
    let bench = bench();
    let keys = serde_json::json!({
        "Version": 1,
        "AccessKeyId": bench.endpoint.access_key(),
        "SecretAccessKey": bench.endpoint.secret_key(),
    });
    let script = bench.file(
        "keys.sh",
        &format!("head -c 1000 > /dev/null\necho '{keys}'\n"),
    );
    let profile = format!("[default]\ncredential_process = sh \"{script}\"\n");
    bench.file(".aws/config", &profile);
    // Its upload begins before all of it is read.
    let input: Vec<u8> = (0..20_u32 << 20).map(|n| (n % 251) as u8).collect();
    let arguments = ["predict", bench.name(), "--input", "-", "--output", "out"];
    let mut command = bench.command(&[&arguments[..], &QUICK].concat());
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    Ran::with_input(&mut command, &input).ends_with(0);
    let output = std::fs::read(bench.path("out")).expect("a result");
    assert!(output == [b"<", &input[..], b">"].concat());
}
