#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sagemaker_async_inference::fuzzing::error_response(data));
