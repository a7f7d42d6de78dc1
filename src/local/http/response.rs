//! Responses, and errors in the service's wording.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::local::operation::Service;
use crate::local::s3::content::Content;
use crate::local::xml::Xml;

/// A response, without the headers that every response has.
#[derive(Debug)]
pub(in crate::local) struct Response {
    pub(in crate::local) status: u16,
    pub(in crate::local) headers: HeaderMap,
    pub(in crate::local) body: Content,
    /// The part of `body` that is sent.
    pub(in crate::local) range: std::ops::Range<u64>,
}

impl Response {
    pub(in crate::local) fn new(status: u16, body: impl Into<Content>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: HeaderMap::new(),
            range: 0..body.len(),
            body,
        }
    }

    pub(in crate::local) fn empty(status: u16) -> Self {
        Self::new(status, Vec::new())
    }

    pub(in crate::local) fn xml(status: u16, xml: Xml) -> Self {
        Self::new(status, xml.into_bytes()).header("content-type", "application/xml")
    }

    /// Adds a header, unless HTTP cannot carry it.
    pub(in crate::local) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_ref()),
        ) {
            self.headers.append(name, value);
        }
        self
    }

    /// A document of the control plane's.
    pub(in crate::local) fn json(document: &serde_json::Value) -> Self {
        Self::new(200, document.to_string().into_bytes())
            .header("content-type", "application/x-amz-json-1.1")
    }

    /// The length of the part that is sent.
    pub(in crate::local) fn length(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// An error in the service's wording.
#[derive(Debug, Clone)]
pub(in crate::local) struct Refusal {
    pub(in crate::local) status: u16,
    pub(in crate::local) code: String,
    pub(in crate::local) message: String,
    /// Further elements of an S3 error.
    details: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(in crate::local) fn new(
        status: u16,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// SageMaker's error for an invalid value.
    pub(in crate::local) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    /// The control plane's error for an invalid request.
    pub(in crate::local) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    pub(in crate::local) fn access_denied() -> Self {
        Self::new(403, "AccessDenied", "Access Denied")
    }

    /// S3's error for a feature that is not offered; the message names it.
    pub(in crate::local) fn not_offered(what: &str) -> Self {
        Self::new(
            501,
            "NotImplemented",
            format!(
                "A header or query you provided implies functionality that is not implemented: the local endpoint does not offer {what}."
            ),
        )
    }

    /// Adds an element to an S3 error.
    pub(in crate::local) fn detail(
        mut self,
        element: &'static str,
        text: impl Into<String>,
    ) -> Self {
        self.details.push((element, text.into()));
        self
    }

    pub(in crate::local) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The response in the service's format.
    pub(in crate::local) fn into_response(self, service: Service, request_id: &str) -> Response {
        let mut response = match service {
            Service::S3 => self.s3(request_id),
            Service::SageMaker => self.sagemaker(),
            Service::Control(_) => self.control(),
            Service::Sts => self.sts(request_id),
        };
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response
    }

    fn s3(&self, request_id: &str) -> Response {
        if self.status == 304 {
            return Response::empty(304);
        }
        let mut xml = Xml::document();
        xml.element("Error", None, |xml| {
            xml.text("Code", &self.code).text("Message", &self.message);
            for (element, text) in &self.details {
                xml.text(element, text);
            }
            xml.text("RequestId", request_id)
                .text("HostId", &host_id(request_id));
        });
        Response::xml(self.status, xml)
    }

    fn sagemaker(&self) -> Response {
        // The gateway before SageMaker spells it `message`, the service itself `Message`.
        let name = if self.code == "ValidationError" {
            "Message"
        } else {
            "message"
        };
        let body = serde_json::json!({ name: self.message }).to_string();
        Response::new(self.status, body.into_bytes())
            .header(CONTENT_TYPE.as_str(), "application/json")
            .header("x-amzn-errortype", &self.code)
    }

    /// JSON 1.0 and 1.1 name the error in the body as well.
    fn control(&self) -> Response {
        let body = serde_json::json!({ "__type": self.code, "message": self.message });
        Response::new(self.status, body.to_string().into_bytes())
            .header(CONTENT_TYPE.as_str(), "application/x-amz-json-1.1")
            .header("x-amzn-errortype", &self.code)
    }

    fn sts(&self, request_id: &str) -> Response {
        let fault = if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let mut xml = Xml::bare();
        let namespace = Some(crate::local::sts::NAMESPACE);
        xml.element("ErrorResponse", namespace, |xml| {
            xml.element("Error", None, |xml| {
                xml.text("Type", fault)
                    .text("Code", &self.code)
                    .text("Message", &self.message);
            });
            xml.text("RequestId", request_id);
        });
        Response::new(self.status, xml.into_bytes()).header("content-type", "text/xml")
    }
}

/// S3 also sends the id of the host that responded.
pub(in crate::local) fn host_id(request_id: &str) -> String {
    format!("{request_id}/local")
}
