//! How bad an alert is.
//!
//! Input: what is known of an alert as [`AlertFacts`], the severity it came with, its labels, a [`Policy`].
//! Output: an [`Assessment`]: severity with class probabilities, the reasons, and whether the model abstained.
//! Never: lowers an alert that came in as critical unless the policy says so; never reads the clock, a file or the network.
//!
//! A [`SeverityModel`] is boosted trees over the twelve [`FEATURES`], calibrated, monotone where sense demands it;
//! [`train`] makes one of labelled alerts ([`parse_labelled`]) and reports how good it is on rows it has not seen.
//! [`SeverityModel::shipped`] was trained on [`generate`]d alerts; `models/severity/MODEL_CARD.md` says how.

mod artefact;
mod csv;
mod dataset;
mod features;
mod generator;
mod model;
mod policy;
mod settings;
mod train;
mod types;

pub use artefact::{KIND, Manifest, ModelError, SCHEMA};
pub use dataset::{AlertRecord, DatasetError, LabelledAlert, Parsed, parse_labelled, parse_unlabelled, to_csv};
pub use features::{FEATURES, Feature};
pub use generator::generate;
pub use model::{Explanation, SeverityModel};
pub use policy::{Decision, Floor, Policy, PolicyError};
pub use settings::{Settings, SettingsError, TrainSettings};
pub use train::{Challenger, Metrics, Rules, TrainError, TrainReport, Trained, train};
pub use types::{AlertFacts, Assessment, Severity, SeverityReason, UnknownSeverity};
