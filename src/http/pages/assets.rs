//! What pages load: the stylesheet, our script, and the plot library.

use std::io::Write;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use plotly::Plot;
use tokio::sync::OnceCell;

use super::error::PageError;
use crate::engine::compute;

const STYLE: &str = include_str!("tidewatch.css");
const SCRIPT: &str = include_str!("tidewatch.js");
/// Readers ask again only under another address: [`style_url`] and the others carry what they stand for.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
static LIBRARY: OnceCell<Library> = OnceCell::const_new();

/// The plot library in both forms.
struct Library {
    plain: Bytes,
    gzip: Bytes,
}

/// Where pages find the stylesheet.
pub(super) fn style_url() -> String {
    format!("/assets/tidewatch.css?v={:08x}", checksum(STYLE))
}

/// Where pages find our script.
pub(super) fn script_url() -> String {
    format!("/assets/tidewatch.js?v={:08x}", checksum(SCRIPT))
}

/// Where pages find the plot library; it changes with the version of this program at most.
pub(super) const fn plot_library_url() -> &'static str {
    concat!("/assets/plotly.min.js?v=", env!("CARGO_PKG_VERSION"))
}

pub(super) async fn style() -> Response {
    text("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    text("text/javascript; charset=utf-8", SCRIPT)
}

/// The plot library, compressed once for all who take gzip.
pub(super) async fn plot_library(headers: HeaderMap) -> Result<Response, PageError> {
    let library = LIBRARY.get_or_try_init(|| compute::run(library)).await?;
    let gzip = takes_gzip(&headers) && !library.gzip.is_empty();
    let body = if gzip { library.gzip.clone() } else { library.plain.clone() };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, FOR_EVER);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn text(kind: &'static str, body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CACHE_CONTROL, FOR_EVER)], body).into_response()
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, "q=1"));
        let refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}

/// Takes the library out of the script element in which the crate hands it over.
fn library() -> Library {
    let elements = Plot::offline_js_sources();
    let first = elements.split_once("</script>").map_or(elements.as_str(), |(first, _)| first);
    let code = first.split_once('>').map_or(first, |(_, code)| code);
    Library { gzip: gzip(code.as_bytes()).unwrap_or_default(), plain: Bytes::copy_from_slice(code.as_bytes()) }
}

fn gzip(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}

/// FNV-1a, 32 bits.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        #[track_caller]
        fn check(accepted: &'static str, expected: bool) {
            let headers: HeaderMap =
                [(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))].into_iter().collect();
            assert_eq!(takes_gzip(&headers), expected, "{accepted}");
        }
        check("gzip", true);
        check("br;q=1.0, gzip;q=0.8", true);
        check("*", true);
        check("br", false);
        check("gzip;q=0, br", false);
        check("", false);
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn the_library_is_the_script_without_its_element() {
        let library = library();
        let head = String::from_utf8_lossy(&library.plain[..200]).into_owned();
        assert!(head.contains("plotly.js v"), "{head}");
        assert!(!head.contains("<script"), "{head}");
        let code = String::from_utf8_lossy(&library.plain);
        assert!(!code.contains("</script"), "the end of the element came along");
        assert!(!code.contains("MathJax.loader"), "the second library came along");
        assert!(library.gzip.len() * 2 < library.plain.len(), "{} bytes", library.gzip.len());
    }
}
