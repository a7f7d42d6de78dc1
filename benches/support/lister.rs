//! The floor of a batch: a loop around `ListObjectsV2`.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_sigv4::http_request::SignableBody;

use super::{Outcome, now, signed};

/// As anybody would write it: a page each round, and a GET of what is new on it. How long after its appearance, which
/// is its content, each output was there.
pub fn wait(
    url: &str,
    bucket: &str,
    mut pending: HashSet<&str>,
    round: Duration,
) -> Outcome<Vec<Duration>> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let get = |path: &str| -> Outcome<String> {
        let request = http::Request::get(format!("{url}/{bucket}{path}"));
        let request = signed(request.body(())?, "s3", SignableBody::Bytes(&[]))?;
        let mut response = agent.run(request)?;
        if response.status() != 200 {
            return Err(format!("HTTP {}", response.status()).into());
        }
        Ok(response.body_mut().read_to_string()?)
    };
    let any = *pending.iter().next().ok_or("nothing to wait for")?;
    let folder = &any[..=any.rfind('/').unwrap_or(0)];
    let list = format!("?list-type=2&prefix={}", folder.replace('/', "%2F"));
    let mut late = Vec::new();
    while !pending.is_empty() {
        let began = Instant::now();
        let page = get(&list)?;
        let keys = page.split("<Key>").skip(1);
        for key in keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0)) {
            if pending.remove(key) {
                let appeared = get(&format!("/{key}"))?.parse()?;
                late.push(now().saturating_sub(Duration::from_nanos(appeared)));
            }
        }
        std::thread::sleep(round.saturating_sub(began.elapsed()));
    }
    Ok(late)
}
