//! Who belongs together, by labels and names: siblings of one workload, metrics of one target, targets of one job.

use crate::series::Labels;

/// Labels that name one of several like things, or where it runs at the moment.
const INSTANCE_LABELS: &[&str] = &[
    "address",
    "container_id",
    "exported_instance",
    "exported_pod",
    "host",
    "host_ip",
    "hostname",
    "id",
    "instance",
    "ip",
    "kubernetes_pod_name",
    "node",
    "pod",
    "pod_ip",
    "pod_name",
    "pod_uid",
    "replica",
    "task",
    "task_id",
    "uid",
];
/// Labels that name what several instances work for.
const JOB_LABELS: &[&str] = &[
    "app",
    "cluster",
    "container",
    "daemonset",
    "deployment",
    "job",
    "namespace",
    "service",
    "statefulset",
    "workload",
];
/// Labels whose value is the name of a pod.
const POD_LABELS: &[&str] = &["pod", "pod_name", "kubernetes_pod_name", "exported_pod"];

/// What the name of a pod says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodName<'a> {
    /// `web-7d4b9c6f5d-x2x7k`, `agent-x2x7k`: one of many, replaced rather than restarted.
    Random { workload: &'a str },
    /// `db-2`: one of a numbered set, which is scaled down from its end.
    Numbered { workload: &'a str, number: u64 },
}

/// How series are grouped, as texts that are equal for members of one group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kin {
    /// The same series of the other instances.
    pub(super) siblings: String,
    /// Everything that one instance reports; empty when no label names the instance.
    pub(super) target: String,
    /// Everything of one job; empty when no label names the job.
    pub(super) job: String,
}

impl Kin {
    pub(super) fn of(labels: &Labels) -> Self {
        let workload = pod_name(labels).map_or("", |name| name.workload());
        let (mut siblings, mut target, mut job) = (String::new(), String::new(), String::new());
        for (name, value) in labels.iter() {
            let part = format!("{name}\u{1}{value}\u{2}");
            if INSTANCE_LABELS.contains(&name) {
                target.push_str(&part);
                continue;
            }
            siblings.push_str(&part);
            if JOB_LABELS.contains(&name) {
                job.push_str(&part);
            }
        }
        siblings.push_str(workload);
        job.push_str(workload);
        if !target.is_empty() {
            target.push_str(&job);
        }
        Self { siblings, target, job }
    }
}

impl<'a> PodName<'a> {
    pub(super) const fn workload(&self) -> &'a str {
        match self {
            Self::Random { workload } | Self::Numbered { workload, .. } => workload,
        }
    }
}

/// What the pod's name says, when the series has a pod and its name has the form that Kubernetes gives.
pub(super) fn pod_name(labels: &Labels) -> Option<PodName<'_>> {
    let name = POD_LABELS.iter().find_map(|label| labels.get(label))?;
    let (stem, last) = name.rsplit_once('-').filter(|(stem, _)| !stem.is_empty())?;
    if let Ok(number) = last.parse::<u64>()
        && last.len() <= 4
    {
        return Some(PodName::Numbered { workload: stem, number });
    }
    if !is_random(last, 5..=5) {
        return None;
    }
    let of_replica_set = stem.rsplit_once('-').filter(|(stem, hash)| !stem.is_empty() && is_random(hash, 8..=10));
    Some(PodName::Random { workload: of_replica_set.map_or(stem, |(stem, _)| stem) })
}

/// Whether Kubernetes may have drawn these letters: it leaves out vowels, and the digits and letters that look like them.
fn is_random(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let drawn = text.bytes().all(|byte| ALPHABET.contains(&byte));
    // hashes of replica sets of old versions are decimal numbers
    let decimal = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    lengths.contains(&text.len()) && (drawn || decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_names_say_what_workload_they_are_of() {
        let name = |pod: &str| {
            let labels = Labels::new().with("pod", pod);
            pod_name(&labels).map(|name| match name {
                PodName::Random { workload } => format!("random {workload}"),
                PodName::Numbered { workload, number } => format!("number {number} of {workload}"),
            })
        };
        for (pod, expected) in [
            ("web-7d4b9c6f5d-x2x7k", Some("random web")),
            ("checkout-api-5f6d8b9c7f-zq4wv", Some("random checkout-api")),
            ("web-1234567890-x2x7k", Some("random web")),
            ("node-agent-x2x7k", Some("random node-agent")),
            ("db-0", Some("number 0 of db")),
            ("db-primary", None),
            ("web", None),
            ("-x2x7k", None),
            ("", None),
        ] {
            assert_eq!(name(pod).as_deref(), expected, "{pod}");
        }
    }

    #[test]
    fn kin_share_their_groups() {
        let of = |pod: &str, metric: &str| {
            Kin::of(&[("__name__", metric), ("namespace", "shop"), ("pod", pod)].into_iter().collect())
        };
        let (a, b) = (of("web-7d4b9c6f5d-x2x7k", "cpu"), of("web-6c8d9b5f7f-zq4wv", "cpu"));
        assert_eq!((&a.siblings, &a.job), (&b.siblings, &b.job));
        assert_ne!(a.target, b.target);
        let memory = of("web-7d4b9c6f5d-x2x7k", "memory");
        assert_eq!((&a.target, &a.job), (&memory.target, &memory.job));
        assert_ne!(a.siblings, memory.siblings);
        let plain = Kin::of(&[("__name__", "cpu")].into_iter().collect());
        assert!(plain.target.is_empty() && plain.job.is_empty());
    }
}
