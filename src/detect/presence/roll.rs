//! The decision: who is absent, together with whom, and who is excused.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::super::types::FalseAlarmBudget;
use super::kin::{Kin, PodName, pod_name};
use super::reporting::Reporting;
use crate::series::{HumanDuration, Labels, Step};

/// Departures that a group must have had before another counts as its habit.
const FEWEST_DEPARTURES: usize = 3;
/// Departures within a day at least this likely under the group's own rate are its habit.
const HABITUAL: f64 = 0.01;
/// Largest probability of a gap that is an absence.
const LARGEST_P: f64 = 0.01;
/// Newcomers replace what left up to this long before or after.
const REPLACED_WITHIN_MS: i64 = 3_600_000;
/// A pod of a drawn name that nobody knew a day ago ran to its end: a job, not a service.
const SHORT_LIFE_MS: i64 = 86_400_000;
const DAY_MS: i64 = 86_400_000;
/// More absences that begin at the same time are one.
const MOST_AT_ONCE: usize = 10;
/// Names of members that a sentence holds.
const MOST_NAMED: usize = 3;

/// One followed series or entity.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Its labels.
    pub labels: &'a Labels,
    /// Its name.
    pub name: &'a str,
    /// How it has reported.
    pub reporting: &'a Reporting,
}

/// A change that was announced and explains silences: a deploy, a scaling, planned work.
#[derive(Debug, Clone, PartialEq)]
pub struct Announced {
    /// What it was, one line.
    pub title: String,
    /// What it concerns; empty for everything.
    pub labels: Labels,
    /// From when on.
    pub starts_at: Timestamp,
    /// A series that fell silent until then is explained by it.
    pub ends_at: Timestamp,
}

/// How much is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbsenceScope {
    /// One series; others of its target go on.
    Series,
    /// Everything that one instance reported.
    Target,
    /// Everything of one job; other jobs go on.
    Job,
    /// More than ten things at the same time: one cause, one absence.
    Many,
}

/// Something that ought to be there and is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Absence {
    /// How much.
    pub scope: AbsenceScope,
    /// Labels that all of its members share; those of the series for a single one.
    pub labels: Labels,
    /// Indices of its members in the roll, in rising order.
    pub members: Vec<usize>,
    /// When the last point of its members was.
    pub last_at: Timestamp,
    /// Probability of so long a silence under the own gaps of its most regular member.
    pub p_value: f64,
    /// How far that can be trusted, 0 to 1.
    pub confidence: f64,
    /// What it means, for people.
    pub sentence: String,
}

/// Why a silence is no absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excuse {
    /// Its own gaps are like this, or too little is known of them.
    OwnGaps,
    /// It was gone before anybody looked.
    NotWitnessed,
    /// Siblings go on and its name is one that scaling takes away.
    ScaledDown,
    /// As many siblings have come as have left.
    Replaced,
    /// Its group loses members all the time.
    Churns,
    /// It was of a workload that nobody knew a day ago.
    ShortLived,
    /// A change was announced; its title.
    Announced(String),
}

/// What the roll call came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RollCall {
    /// What nothing explains, each once.
    pub absences: Vec<Absence>,
    /// Those that are silent and excused, by index in the roll.
    pub excused: Vec<(usize, Excuse)>,
    /// All of several series are silent: that looks like the source, and there are no absences.
    pub everything: bool,
}

/// Says who of `roll` is absent at `now`, silent for longer than `grace_ms` at least.
///
/// A silence is an absence when its probability under the series' own gaps is below the budget's false alarms for one gap,
/// and nothing excuses it. What vanished together is one absence: a job of which nothing is left, a target of which nothing
/// is left, else a series. When nothing at all is left, the source is at fault and nobody is absent.
///
/// O(n log n) for n series, allocations for the silent and their kin only when somebody is silent.
#[must_use]
pub fn call_the_roll(
    roll: &[Sighting<'_>],
    announced: &[Announced],
    now: Timestamp,
    (step, grace_ms): (Step, i64),
    budget: &FalseAlarmBudget,
) -> RollCall {
    let now_ms = now.as_millisecond();
    let is_silent = |one: &Sighting<'_>| one.reporting.silent_ms(now_ms).is_none_or(|silent| silent > grace_ms);
    let silent: Vec<usize> = (0..roll.len()).filter(|index| is_silent(&roll[*index])).collect();
    if silent.is_empty() {
        return RollCall::default();
    }
    let alone = |index: &usize| own_excuse(&roll[*index], announced, now_ms, (step, budget)).is_none();
    if silent.len() == roll.len() && silent.iter().any(alone) {
        return RollCall { everything: true, ..RollCall::default() };
    }
    let families = Families::new(roll, &silent, now_ms);
    let (mut excused, mut missing) = (Vec::new(), Vec::new());
    for index in silent {
        let one = &roll[index];
        match own_excuse(one, announced, now_ms, (step, budget)).or_else(|| families.excuse(index)) {
            Some(excuse) => excused.push((index, excuse)),
            None => missing.push(index),
        }
    }
    let found = families.at_once(families.together(&missing), grace_ms);
    let absences = found.into_iter().filter_map(|found| describe(found, roll, now_ms, step));
    RollCall { absences: absences.collect(), excused, everything: false }
}

/// Why the silence of `one` is no absence, as far as it can be said without the others.
fn own_excuse(
    one: &Sighting<'_>,
    announced: &[Announced],
    now_ms: i64,
    (step, budget): (Step, &FalseAlarmBudget),
) -> Option<Excuse> {
    if !one.reporting.is_witnessed() {
        return Some(Excuse::NotWitnessed);
    }
    let unlikely = one.reporting.silent_ms(now_ms).and_then(|silent| {
        let boundary = (budget.per_second() * one.reporting.usual_gap_secs(step)?).min(LARGEST_P);
        Some(one.reporting.p_value(silent, step)? <= boundary)
    });
    if unlikely != Some(true) {
        return Some(Excuse::OwnGaps);
    }
    let last_ms = one.reporting.last_ms()?;
    let explains = |event: &&Announced| {
        let until = event.ends_at.as_millisecond();
        (event.starts_at.as_millisecond() - step.millis()..=until).contains(&last_ms)
            && one.labels.contains_all(&event.labels)
    };
    announced.iter().find(explains).map(|event| Excuse::Announced(event.title.clone()))
}

/// The roll by kin.
struct Families<'a> {
    roll: &'a [Sighting<'a>],
    kin: Vec<Kin>,
    silent: BTreeSet<usize>,
    now_ms: i64,
    siblings: BTreeMap<String, Vec<usize>>,
    /// Targets and jobs of which something reports.
    alive: BTreeSet<String>,
}

impl<'a> Families<'a> {
    fn new(roll: &'a [Sighting<'a>], silent: &[usize], now_ms: i64) -> Self {
        let kin: Vec<Kin> = roll.iter().map(|one| Kin::of(one.labels)).collect();
        let silent: BTreeSet<usize> = silent.iter().copied().collect();
        let (mut siblings, mut alive) = (BTreeMap::<String, Vec<usize>>::new(), BTreeSet::new());
        for (index, kin) in kin.iter().enumerate() {
            siblings.entry(kin.siblings.clone()).or_default().push(index);
            if !silent.contains(&index) {
                alive.extend([kin.target.clone(), kin.job.clone()]);
            }
        }
        Self { roll, kin, silent, now_ms, siblings, alive }
    }

    /// Why the silence of `index` is no absence, by what its siblings do.
    fn excuse(&self, index: usize) -> Option<Excuse> {
        let siblings = self.siblings.get(&self.kin[index].siblings).map_or(&[][..], Vec::as_slice);
        let (gone, alive): (Vec<usize>, Vec<usize>) = siblings.iter().partition(|other| self.silent.contains(other));
        let is_gone = !self.alive.contains(&self.kin[index].target);
        let name = pod_name(self.roll[index].labels).filter(|_| is_gone);
        let last_ms = self.last_ms(index);
        if alive.is_empty() {
            let known_ms = siblings.iter().filter_map(|other| self.roll[*other].reporting.first_ms()).min();
            let is_short = known_ms.is_some_and(|first| last_ms - first < SHORT_LIFE_MS);
            return (is_short && matches!(name, Some(PodName::Random { .. }))).then_some(Excuse::ShortLived);
        }
        let near = |ms: Option<i64>| ms.is_some_and(|ms| (ms - last_ms).abs() <= REPLACED_WITHIN_MS);
        let came = alive.iter().filter(|other| near(self.roll[**other].reporting.first_ms())).count();
        let left = gone.iter().filter(|other| near(self.roll[**other].reporting.last_ms())).count();
        if is_gone && came >= left {
            return Some(Excuse::Replaced);
        }
        if name.is_some_and(|name| self.may_be_scaled_away(&name, &alive)) {
            return Some(Excuse::ScaledDown);
        }
        self.is_habit(siblings, &gone, last_ms).then_some(Excuse::Churns)
    }

    /// Whether scaling down takes a pod of this name away while those go on: any of those with drawn names, and of those
    /// with numbers the highest.
    fn may_be_scaled_away(&self, name: &PodName<'_>, alive: &[usize]) -> bool {
        let PodName::Numbered { number, .. } = name else { return true };
        let is_higher = |other: &usize| match pod_name(self.roll[*other].labels) {
            Some(PodName::Numbered { number: other, .. }) => other > *number,
            Some(PodName::Random { .. }) | None => false,
        };
        !alive.iter().any(is_higher)
    }

    /// Whether as many departures as in the day up to `last_ms` are likely under the rate of the days before.
    fn is_habit(&self, siblings: &[usize], gone: &[usize], last_ms: i64) -> bool {
        let day_ago = last_ms - DAY_MS;
        let departures: Vec<i64> = gone.iter().map(|other| self.last_ms(*other)).collect();
        let before = departures.iter().filter(|at| **at <= day_ago).count();
        let lately = departures.iter().filter(|at| **at > day_ago && **at <= last_ms).count();
        let first = siblings.iter().filter_map(|other| self.roll[*other].reporting.first_ms()).min();
        let days = first.map_or(0.0, |first| (day_ago - first) as f64 / DAY_MS as f64);
        before >= FEWEST_DEPARTURES && days > 0.0 && at_least(lately, before as f64 / days) >= HABITUAL
    }

    /// Puts the missing together: jobs and targets of which nothing is left, and single series.
    fn together(&self, missing: &[usize]) -> Vec<(AbsenceScope, Vec<usize>)> {
        let mut left: Vec<usize> = missing.to_vec();
        let mut found = Vec::new();
        for scope in [AbsenceScope::Job, AbsenceScope::Target] {
            let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for index in &left {
                let kin = &self.kin[*index];
                let key = if scope == AbsenceScope::Job { &kin.job } else { &kin.target };
                groups.entry(key).or_default().push(*index);
            }
            groups.retain(|key, members| !key.is_empty() && members.len() > 1 && !self.alive.contains(*key));
            let taken: BTreeSet<usize> = groups.values().flatten().copied().collect();
            left.retain(|index| !taken.contains(index));
            found.extend(groups.into_values().map(|members| (scope, members)));
        }
        found.extend(left.into_iter().map(|index| (AbsenceScope::Series, vec![index])));
        found
    }

    /// Makes one of many absences that began within `grace_ms` of each other.
    fn at_once(&self, mut found: Vec<(AbsenceScope, Vec<usize>)>, grace_ms: i64) -> Vec<(AbsenceScope, Vec<usize>)> {
        if found.len() <= MOST_AT_ONCE {
            return found;
        }
        let began = |members: &[usize]| members.iter().map(|index| self.last_ms(*index)).max().unwrap_or(self.now_ms);
        found.sort_by_key(|(_, members)| began(members));
        let mut out = Vec::new();
        for near in found.chunk_by(|(_, a), (_, b)| began(b) - began(a) <= grace_ms) {
            if near.len() <= MOST_AT_ONCE {
                out.extend_from_slice(near);
                continue;
            }
            let mut members: Vec<usize> = near.iter().flat_map(|(_, members)| members).copied().collect();
            members.sort_unstable();
            out.push((AbsenceScope::Many, members));
        }
        out
    }

    fn last_ms(&self, index: usize) -> i64 {
        self.roll[index].reporting.last_ms().unwrap_or(self.now_ms)
    }
}

/// Probability of at least `count` events where `mean` are expected (Poisson).
fn at_least(count: usize, mean: f64) -> f64 {
    let (mut term, mut below) = ((-mean).exp(), 0.0);
    for k in 0..count {
        below += term;
        term *= mean / (k + 1) as f64;
    }
    (1.0 - below).max(0.0)
}

fn describe(
    (scope, members): (AbsenceScope, Vec<usize>),
    roll: &[Sighting<'_>],
    now_ms: i64,
    step: Step,
) -> Option<Absence> {
    let sighted: Vec<&Sighting<'_>> = members.iter().filter_map(|index| roll.get(*index)).collect();
    let first = sighted.first()?;
    let shared = |(name, value): &(&str, &str)| sighted.iter().all(|one| one.labels.get(name) == Some(value));
    let labels: Labels = first.labels.iter().filter(shared).collect();
    let last_ms = sighted.iter().filter_map(|one| one.reporting.last_ms()).max()?;
    let p_of = |one: &&Sighting<'_>| one.reporting.p_value(one.reporting.silent_ms(now_ms)?, step);
    let p_value = sighted.iter().filter_map(p_of).fold(1.0, f64::min);
    let confidence = sighted.iter().map(|one| one.reporting.confidence()).fold(0.0, f64::max);
    let usual = sighted.iter().filter_map(|one| one.reporting.usual_gap_secs(step)).fold(f64::INFINITY, f64::min);
    let last_at = Timestamp::from_millisecond(last_ms).ok()?;
    let names: Vec<&str> = sighted.iter().map(|one| one.name).collect();
    let who = match scope {
        AbsenceScope::Series => first.name.to_owned(),
        AbsenceScope::Target | AbsenceScope::Job => format!("each of {} series of {labels}", names.len()),
        AbsenceScope::Many => format!("{} series at the same time", names.len()),
    };
    let others = match scope {
        AbsenceScope::Series => String::new(),
        AbsenceScope::Target | AbsenceScope::Job | AbsenceScope::Many => format!("; among them {}", listed(&names)),
    };
    let since = last_at.round(jiff::Unit::Second).unwrap_or(last_at);
    let every = in_words(usual);
    let sentence = format!("{who} stopped reporting at {since}; until then there was a point every {every}{others}");
    Some(Absence { scope, labels, members, last_at, p_value, confidence, sentence })
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(MOST_NAMED);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn in_words(secs: f64) -> String {
    let whole = SignedDuration::try_from_secs_f64(secs.round()).map_or(0, |duration| duration.as_secs());
    HumanDuration::from_secs(u64::try_from(whole).unwrap_or(0).max(1)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const NOW: i64 = 20 * DAY_MS;

    struct Member {
        labels: Labels,
        name: String,
        reporting: Reporting,
    }

    /// A member that reported every minute between these times, milliseconds.
    fn member(labels: &[(&str, &str)], from: i64, until: i64) -> Member {
        let mut reporting = Reporting::default();
        // the first point, and enough of the last ones
        for time in [from].into_iter().chain((until - 3_000 * MINUTE..=until).step_by(MINUTE as usize)) {
            reporting.saw(time, Step::MINUTE);
        }
        reporting.witness(until, 15 * MINUTE);
        let labels: Labels = labels.iter().copied().collect();
        Member { name: labels.to_string(), labels, reporting }
    }

    fn call(members: &[Member], announced: &[Announced]) -> RollCall {
        let roll: Vec<Sighting<'_>> = members
            .iter()
            .map(|one| Sighting { labels: &one.labels, name: &one.name, reporting: &one.reporting })
            .collect();
        let now = Timestamp::from_millisecond(NOW).expect("a time");
        call_the_roll(&roll, announced, now, (Step::MINUTE, 15 * MINUTE), &FalseAlarmBudget::default())
    }

    fn host(ip: &str, from_day: i64, until: i64) -> Member {
        member(&[("instance", ip), ("job", "worker")], from_day * DAY_MS, until)
    }

    #[test]
    fn a_group_that_loses_members_all_the_time_churns() {
        let stays = || [host("10.0.0.1", 0, NOW), host("10.0.0.2", 0, NOW)];
        let leaves = || host("10.0.0.9", 2, NOW - 30 * MINUTE);
        let calm: Vec<Member> = stays().into_iter().chain([leaves()]).collect();
        let called = call(&calm, &[]);
        assert_eq!((called.absences.len(), called.absences[0].scope), (1, AbsenceScope::Series));
        assert!(called.absences[0].sentence.contains("10.0.0.9"), "{called:?}");
        let before = (5..18).map(|day| host(&format!("10.0.1.{day}"), 1, day * DAY_MS));
        let restless: Vec<Member> = stays().into_iter().chain([leaves()]).chain(before).collect();
        let called = call(&restless, &[]);
        assert!(called.absences.iter().all(|absence| !absence.members.contains(&2)), "{called:?}");
        assert!(called.excused.contains(&(2, Excuse::Churns)), "{called:?}");
    }

    #[test]
    fn what_a_target_reported_is_one_absence_and_its_job_goes_on() {
        let of = |ip: &str, metric: &str, until| {
            member(&[("__name__", metric), ("instance", ip), ("job", "node")], 0, until)
        };
        let gone = NOW - 40 * MINUTE;
        let members = [of("a", "cpu", NOW), of("b", "cpu", gone), of("b", "memory", gone), of("a", "memory", NOW)];
        let called = call(&members, &[]);
        assert_eq!(called.absences.len(), 1, "{called:?}");
        let absence = &called.absences[0];
        assert_eq!((absence.scope, &absence.members), (AbsenceScope::Target, &vec![1, 2]));
        assert_eq!(absence.labels.to_string(), r#"{instance="b",job="node"}"#);
        assert!(absence.p_value < 1e-3 && absence.confidence > 0.9, "{absence:?}");
    }

    #[test]
    fn a_pod_of_a_workload_that_is_new_ran_to_its_end() {
        let gone = NOW - 40 * MINUTE;
        let pod = |name: &str, from, until| member(&[("namespace", "shop"), ("pod", name)], from, until);
        let others = || pod("web-7d4b9c6f5d-b5b5b", 0, NOW);
        let mut batch = Reporting::default();
        (0..600).for_each(|i| batch.saw(gone - (600 - i) * MINUTE, Step::MINUTE));
        batch.witness(gone, 15 * MINUTE);
        let mut job = pod("import-x2x7k", 0, gone);
        job.reporting = batch;
        assert_eq!(call(&[others(), job], &[]).excused, [(1, Excuse::ShortLived)]);
        // one that has been there for weeks is missed, unless a deploy says why
        let old = || pod("import-x2x7k", 0, gone);
        assert_eq!(call(&[others(), old()], &[]).absences.len(), 1);
        let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
        let deploy = Announced {
            title: "import is removed".into(),
            labels: Labels::new().with("namespace", "shop"),
            starts_at: at(gone),
            ends_at: at(gone + 60 * MINUTE),
        };
        let called = call(&[others(), old()], std::slice::from_ref(&deploy));
        assert_eq!(called.excused, [(1, Excuse::Announced("import is removed".into()))]);
        let elsewhere = Announced { labels: Labels::new().with("namespace", "bank"), ..deploy };
        assert_eq!(call(&[others(), old()], &[elsewhere]).absences.len(), 1);
    }

    #[test]
    fn nobody_silent_is_an_empty_roll_call_and_all_silent_is_the_source() {
        assert_eq!(call(&[host("a", 0, NOW)], &[]), RollCall::default());
        assert_eq!(call(&[], &[]), RollCall::default());
        let gone = NOW - 60 * MINUTE;
        assert!(call(&[host("a", 0, gone), host("b", 0, gone)], &[]).everything);
    }
}
