//! A forest as it is stored: checked when it is read.

use serde::{Deserialize, Serialize};

use super::code::Scale;
use super::forest::OnlineForest;
use super::params::{MOST_FEATURES, OnlineForestParams};
use super::tree::{self, Node};

const FORMAT: u32 = 1;

/// The stored form of an [`OnlineForest`]; nodes are packed into 64 bits each.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    format: u32,
    params: OnlineForestParams,
    width: usize,
    scales: Vec<Scale>,
    medians: Vec<i16>,
    bounds: Vec<(i16, i16)>,
    rows: Vec<i16>,
    nodes: Vec<u64>,
    grown_on: Vec<u16>,
    seen: u64,
    grown: u64,
    #[serde(with = "crate::detect::exact::one")]
    due: f64,
    drawn: u64,
}

impl From<OnlineForest> for Stored {
    fn from(forest: OnlineForest) -> Self {
        Self {
            format: FORMAT,
            params: forest.params,
            width: forest.width,
            scales: forest.scales,
            medians: forest.medians,
            bounds: forest.bounds,
            rows: forest.rows,
            nodes: forest.nodes.iter().map(|node| node.pack()).collect(),
            grown_on: forest.grown_on,
            seen: forest.seen,
            grown: forest.grown,
            due: forest.due,
            drawn: forest.drawn,
        }
    }
}

impl TryFrom<Stored> for OnlineForest {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { format, params, width, .. } = stored;
        if format != FORMAT {
            return Err(format!("streaming forest format must be {FORMAT}, got {format}"));
        }
        let nodes: Vec<Node> = stored.nodes.iter().map(|bits| Node::unpack(*bits)).collect();
        let trees = stored.grown_on.len();
        let sound = (1..=MOST_FEATURES).contains(&width)
            && [stored.scales.len(), stored.medians.len(), stored.bounds.len()] == [width; 3]
            && stored.scales.iter().all(Scale::is_sound)
            && stored.rows.len().is_multiple_of(width)
            && stored.rows.len() <= params.held() * width
            && trees <= params.trees()
            && nodes.len() == trees * params.slots()
            && nodes.chunks_exact(params.slots()).all(|tree| tree::is_sound(tree, width))
            && (trees == 0 || !stored.rows.is_empty())
            && (0.0..=2.0).contains(&stored.due);
        if !sound {
            return Err("streaming forest is not valid: its parts do not fit together".to_owned());
        }
        Ok(Self {
            params,
            width,
            scales: stored.scales,
            medians: stored.medians,
            bounds: stored.bounds,
            rows: stored.rows,
            nodes,
            grown_on: stored.grown_on,
            seen: stored.seen,
            grown: stored.grown,
            due: stored.due,
            drawn: stored.drawn,
        })
    }
}
