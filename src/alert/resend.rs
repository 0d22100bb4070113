//! Whether an alert is sent now, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alert, AlertState};

/// How often alerts are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Firing alerts are sent again after this many seconds, because Alertmanager forgets what is not repeated.
    /// Default 60.
    pub resend_secs: i64,
    /// Resolved alerts are repeated for this many seconds, in case the first message was lost. Default 300.
    pub resolved_for_secs: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { resend_secs: 60, resolved_for_secs: 300 }
    }
}

/// What to do, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Send: never sent before.
    First,
    /// Send: it has resolved since.
    Resolved,
    /// Send: the repeat interval has passed.
    Repeat,
    /// Do not send: sent recently.
    NotYet,
    /// Do not send: resolved long enough ago.
    Done,
}

impl Notify {
    /// Whether to send.
    #[must_use]
    pub const fn is_send(self) -> bool {
        matches!(self, Self::First | Self::Resolved | Self::Repeat)
    }
}

/// Whether `alert` is due, given when and in which state it was last sent.
#[must_use]
pub fn due(alert: &Alert, last: Option<(Timestamp, AlertState)>, now: Timestamp, settings: &Settings) -> Notify {
    let Some((sent_at, sent_state)) = last else {
        return Notify::First;
    };
    if alert.state == AlertState::Resolved {
        let resolved_for =
            alert.ends_at.map_or(0, |end| now.as_second() - end.as_second().max(alert.updated_at.as_second()));
        if sent_state == AlertState::Firing {
            return Notify::Resolved;
        }
        if resolved_for > settings.resolved_for_secs {
            return Notify::Done;
        }
    }
    if now.as_second() - sent_at.as_second() >= settings.resend_secs { Notify::Repeat } else { Notify::NotYet }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Identity, Origin};
    use crate::series::Labels;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).unwrap()
    }

    fn alert(resolved_at: Option<i64>) -> Alert {
        let identity = Identity {
            origin: Origin::Detector,
            alertname: "A".into(),
            labels: Labels::new(),
            annotations: Default::default(),
            generator_url: None,
        };
        let mut alert = Alert::firing(identity, at(0), at(0));
        if let Some(end) = resolved_at {
            alert.resolve(at(end), at(end));
        }
        alert
    }

    #[test]
    fn every_case_has_its_reason() {
        use AlertState::{Firing, Resolved};
        let cases = [
            (None, None, 10, Notify::First),
            (None, Some((0, Firing)), 30, Notify::NotYet),
            (None, Some((0, Firing)), 60, Notify::Repeat),
            (Some(100), Some((90, Firing)), 101, Notify::Resolved),
            (Some(100), Some((101, Resolved)), 120, Notify::NotYet),
            (Some(100), Some((101, Resolved)), 170, Notify::Repeat),
            (Some(100), Some((390, Resolved)), 500, Notify::Done),
            (Some(100), None, 500, Notify::First),
        ];
        for (resolved_at, last, now, expected) in cases {
            let last = last.map(|(secs, state)| (at(secs), state));
            assert_eq!(due(&alert(resolved_at), last, at(now), &Settings::default()), expected, "now {now}");
        }
    }
}
