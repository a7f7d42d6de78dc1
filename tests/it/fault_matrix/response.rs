//! A response of a service as text.

use crate::fault_matrix::operation::Dialect;

/// A response, to be written whole.
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The length that is reported, if it is not the body's.
    announced: Option<usize>,
}

impl Response {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            announced: None,
        }
    }

    /// The beginning of a response of this many bytes, after which the connection ends.
    pub fn cut_of(mut self, length: usize) -> Self {
        self.announced = Some(length);
        self
    }

    pub fn is_cut(&self) -> bool {
        self.announced.is_some()
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn bytes(&self, close: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value.as_str(), "\r\n"]);
        }
        if close {
            text.push_str("connection: close\r\n");
        }
        if self.status != 204 {
            let length = self.announced.unwrap_or(self.body.len());
            text.extend(["content-length: ", &length.to_string(), "\r\n"]);
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}

/// An error as the service would write it.
pub fn refusal(dialect: Dialect, status: u16, code: Option<&str>) -> Response {
    let Some(code) = code else {
        return Response::new(status, "");
    };
    let error = format!("<Code>{code}</Code><Message>Scripted.</Message>");
    match dialect {
        Dialect::S3 => Response::new(status, format!("<Error>{error}</Error>")),
        Dialect::Query => Response::new(
            status,
            format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"),
        ),
        Dialect::Json => {
            Response::new(status, r#"{"Message": "Scripted."}"#).header("x-amzn-errortype", code)
        }
    }
}
