//! From what a series is like to what the detector does with it, with the reasons.

use super::settings::{Season, Settings};
use super::types::Watch;
use crate::series::{Cycle, HumanDuration, Intermittency, Kind, Profile, Step, Unit, seasons};

const SECS_PER_DAY: f64 = 86_400.0;
/// Points after which judgements are trusted to 95 %.
const FULL: f64 = 4_750.0;
/// Days before the season is looked at for the first and for the last time.
const LOOKS: [f64; 2] = [3.0, 14.0];
/// Strength and gain from which on a season of another length takes the place of the day.
const STRONG: f64 = 0.5;
const GAINFUL: f64 = 0.3;
/// Times that it must have been seen.
const SEEN: f64 = 5.0;
/// A season that differs less from a day or a week is one.
const ALIKE: f64 = 0.02;

/// What the detector does with a series, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The short season, seconds; `None` without one.
    pub season_secs: Option<f64>,
    /// The long season on top of it, seconds, once it is held three times.
    pub long_season_secs: Option<f64>,
    /// Score its rate instead of the values: they are a counter's.
    pub as_rate: bool,
    /// Score its logarithm instead: its noise grows with its level.
    pub as_logarithm: bool,
    /// The side that is worth an alert, as far as the name tells.
    pub direction: Watch,
    /// Seconds of history after which judgements are trusted to 95 %; 0 when that is reached.
    pub until_trusted_secs: f64,
    /// The reasons, most important first.
    pub because: Vec<Because>,
}

/// A reason of a choice, with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Because {
    /// The setting names a season, seconds.
    SeasonGiven(f64),
    /// The setting says that there is none.
    SeasonOff,
    /// A point stands for too long to see a day.
    StepTooLong(Step),
    /// Too few days to see a daily season: how many there are.
    TooShortForSeason(f64),
    /// The day was measured.
    Daily(Cycle),
    /// Another length predicts better than the day.
    Measured(Cycle),
    /// Nothing was measured; a day is expected until something is.
    NoSeason,
    /// The week was measured.
    Weekly(Cycle),
    /// Values of a counter: restarts seen.
    Counter(usize),
    /// Noise that grows with the level: slope of ln(scale) over ln(level).
    GrowsWithLevel(f64),
    /// Hours that are so many times as noisy as the quietest.
    NoisyHours(f64),
    /// Mostly zeros: their share, and the class.
    Intermittent(f64, Intermittency),
    /// Tail index of heavy tails.
    HeavyTails(f64),
    /// It never moved: the first move will be unusual.
    NeverMoved,
    /// Two values only.
    TwoValued,
    /// The name speaks of one side.
    Side(Watch),
    /// Points seen, confidence now, and seconds until it is 95 %.
    Confidence {
        /// Points that were seen.
        points: usize,
        /// Confidence now, 0 to 1.
        now: f64,
        /// Seconds until 95 %.
        secs: f64,
    },
}

/// What to do with a series of this `profile` under `settings`. The profile must be of the past only.
#[must_use]
pub fn choose(profile: &Profile, settings: &Settings) -> Choice {
    let mut because = Vec::new();
    let (season_secs, long_season_secs) = season(profile, settings.season, &mut because);
    let counter = match profile.kind {
        Kind::Counter { resets, .. } => Some(Because::Counter(resets)),
        _ => None,
    };
    let (as_rate, as_logarithm) = (counter.is_some(), counter.is_none() && profile.is_multiplicative());
    because.extend(counter);
    because.extend(as_logarithm.then_some(Because::GrowsWithLevel(profile.noise.with_level)));
    because.extend(match profile.kind {
        Kind::Constant => Some(Because::NeverMoved),
        Kind::TwoValued => Some(Because::TwoValued),
        _ => None,
    });
    let noisy = !as_logarithm && profile.noise.by_phase > 2.0 && season_secs.is_some();
    because.extend(noisy.then_some(Because::NoisyHours(profile.noise.by_phase)));
    let rare = profile.demand.filter(|_| profile.is_intermittent() && profile.kind != Kind::TwoValued);
    because.extend(rare.map(|demand| Because::Intermittent(demand.zeros, demand.class)));
    because.extend(profile.is_heavy_tailed().then_some(Because::HeavyTails(profile.noise.tail_index)));
    let direction = if settings.direction == Watch::Both { side(&profile.name) } else { settings.direction };
    because.extend((direction != Watch::Both).then_some(Because::Side(direction)));
    let seen = profile.points as f64 * (1.0 - profile.missing);
    let until_trusted_secs = (FULL - seen).max(0.0) * profile.step.secs_f64();
    let now = super::stream::confidence(seen as u64);
    because.push(Because::Confidence { points: profile.points, now, secs: until_trusted_secs });
    Choice { season_secs, long_season_secs, as_rate, as_logarithm, direction, until_trusted_secs, because }
}

fn season(profile: &Profile, wanted: Season, because: &mut Vec<Because>) -> (Option<f64>, Option<f64>) {
    let secs = |points: Option<usize>| points.map(|points| points as f64 * profile.step.secs_f64());
    let usual = wanted.points(profile.step);
    match wanted {
        Season::None => {
            because.push(Because::SeasonOff);
            return (None, None);
        }
        Season::Every(duration) => {
            because.push(Because::SeasonGiven(duration.as_secs_f64()));
            return (secs(usual.0), secs(usual.1));
        }
        Season::Auto => {}
    }
    let (short, long) = from_cycles(&profile.seasons, profile.step, usual);
    let near = |cycle: &&Cycle, secs: f64| (cycle.secs / secs - 1.0).abs() < ALIKE;
    let found = |points: Option<usize>| profile.seasons.iter().find(|cycle| Some(cycle.points) == points);
    because.push(match found(short) {
        _ if usual.0.is_none() => Because::StepTooLong(profile.step),
        Some(cycle) if !near(&cycle, SECS_PER_DAY) => Because::Measured(*cycle),
        Some(cycle) => Because::Daily(*cycle),
        None if profile.days() < LOOKS[0] => Because::TooShortForSeason(profile.days()),
        None => Because::NoSeason,
    });
    because.extend(profile.seasons.iter().find(|cycle| near(cycle, 7.0 * SECS_PER_DAY)).map(|c| Because::Weekly(*c)));
    (secs(short), secs(long))
}

/// The seasons of a stream in points, from its `values` so far; `usual` (a day and a week) until something else is measured
/// that predicts better. Values are finite. O(n log n) with n at most 16,384.
pub(super) fn measured(
    values: &[f64],
    step: Step,
    usual: (Option<usize>, Option<usize>),
) -> (Option<usize>, Option<usize>) {
    from_cycles(&seasons(values, step), step, usual)
}

/// A strong season shorter than a week that is no day takes the place of the day, when the day is none; the week stays.
fn from_cycles(cycles: &[Cycle], step: Step, usual: (Option<usize>, Option<usize>)) -> (Option<usize>, Option<usize>) {
    let Some(day) = usual.0 else { return usual };
    let near = |points: usize, of: usize| (points as f64 / of as f64 - 1.0).abs() < ALIKE;
    let week = step.per_secs(7.0 * SECS_PER_DAY);
    if cycles.iter().any(|cycle| near(cycle.points, day)) {
        return usual;
    }
    let other = cycles.iter().filter(|cycle| {
        let strong = cycle.strength >= STRONG && cycle.gain >= GAINFUL && cycle.cycles >= SEEN;
        strong && cycle.points < week && !near(cycle.points, week)
    });
    other.min_by(|a, b| a.error.total_cmp(&b.error)).map_or(usual, |best| (Some(best.points), usual.1))
}

/// Points after which the season of a stream is looked at; ascending.
pub(super) fn looks(step: Step) -> [u64; 2] {
    LOOKS.map(|days| step.per_secs(days * SECS_PER_DAY) as u64)
}

/// The side that a metric's name speaks of.
fn side(name: &str) -> Watch {
    let name = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["error", "fail", "latency", "duration", "restart", "drop", "timeout", "lag", "saturation", "queue"]) {
        Watch::Above
    } else if says(&["avail", "free", "success", "uptime", "healthy"]) {
        Watch::Below
    } else {
        Watch::Both
    }
}

impl Because {
    /// What it is about: `season`, `counter`, `scale`, `noise`, `direction` or `confidence`.
    #[must_use]
    pub const fn about(&self) -> &'static str {
        match self {
            Self::SeasonGiven(_)
            | Self::SeasonOff
            | Self::StepTooLong(_)
            | Self::TooShortForSeason(_)
            | Self::Daily(_)
            | Self::Measured(_)
            | Self::NoSeason
            | Self::Weekly(_) => "season",
            Self::Counter(_) => "counter",
            Self::GrowsWithLevel(_) => "scale",
            Self::NoisyHours(_) | Self::Intermittent(..) | Self::HeavyTails(_) | Self::NeverMoved | Self::TwoValued => {
                "noise"
            }
            Self::Side(_) => "direction",
            Self::Confidence { .. } => "confidence",
        }
    }

    /// What follows from it, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::SeasonGiven(secs) => format!("A season of {} is expected because the setting says so.", span(*secs)),
            Self::SeasonOff => "No season is expected because the setting says so.".to_owned(),
            Self::StepTooLong(step) => format!("With a point every {step} there is no daily season to expect."),
            Self::TooShortForSeason(days) => format!(
                "{} of history are too few for a daily season; it is used from the fourth day on.",
                Unit::Seconds.format(days * SECS_PER_DAY)
            ),
            Self::Daily(cycle) => format!(
                "Each point is compared with the same time of earlier days: that predicts {} better than the level alone.",
                percent(cycle.gain)
            ),
            Self::Measured(cycle) => format!(
                "Each point is compared with the points {} earlier, not with the day before: that was measured to predict \
                 {} better than the level alone, and a day adds nothing.",
                span(cycle.secs),
                percent(cycle.gain)
            ),
            Self::NoSeason => {
                "No season was measured; the same time of earlier days and the level of the last hour are expected."
                    .to_owned()
            }
            Self::Weekly(cycle) => format!(
                "Where the day of the week predicts better than the day before, it is used: {} better than the level.",
                percent(cycle.gain)
            ),
            Self::Counter(resets) => format!(
                "It looks like a counter ({resets} restarts): what counts is its rate. Use rate() in the query; a file's \
                 counter is scored as it stands."
            ),
            Self::GrowsWithLevel(slope) => format!(
                "Its noise grows with its level (power {slope:.1}): ln() in the query would make quiet and busy hours \
                 alike. Tidewatch judges each hour by its own noise meanwhile."
            ),
            Self::NoisyHours(ratio) => {
                format!("Noisy hours are judged more mildly than quiet ones, which are {ratio:.1} times as steady.")
            }
            Self::Intermittent(zeros, class) => format!(
                "It is {} ({} zeros): a value above zero is ordinary, its size and its company are judged.",
                class.as_str(),
                percent(*zeros)
            ),
            Self::HeavyTails(index) => format!(
                "Large deviations are common (tail index {index:.1}): the boundary follows the tail, not a normal law."
            ),
            Self::NeverMoved => "It never moved: the first move is unusual.".to_owned(),
            Self::TwoValued => "It has two values: a rare one is unusual, and so is a long run.".to_owned(),
            Self::Side(watch) => match watch {
                Watch::Above => "High values are what hurts here; `direction: above` would leave out the low ones.",
                Watch::Below => "Low values are what hurts here; `direction: below` would leave out the high ones.",
                Watch::Both => "Both sides are judged.",
            }
            .to_owned(),
            Self::Confidence { points, now, secs } => trusted(*points, *now, *secs),
        }
    }
}

fn trusted(points: usize, now: f64, secs: f64) -> String {
    let rest =
        if secs > 0.0 { format!("; it takes {} more until 95 %", Unit::Seconds.format(secs)) } else { String::new() };
    format!("After {points} points judgements are trusted to {}{rest}.", percent(now))
}

fn span(secs: f64) -> String {
    HumanDuration::from(std::time::Duration::from_secs_f64(secs.clamp(0.0, 1e12).round())).to_string()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    use super::super::{SeriesDetector, score_series};
    use super::*;
    use crate::series::Series;

    fn series(name: &str, step_secs: i64, points: usize, value: impl Fn(usize, f64) -> f64) -> Series {
        let mut random = Pcg64::seed_from_u64(5);
        let values = (0..points).map(|i| value(i, random.random_range(-1.0..1.0))).collect();
        let step = Step::from_secs(step_secs).expect("positive");
        Series::try_new(name, "2026-03-02T00:00:00Z".parse().expect("time"), step, values).expect("finite")
    }

    fn chosen(series: &Series, settings: &Settings) -> Choice {
        choose(&Profile::of(series), settings)
    }

    fn wave(i: usize, period: f64) -> f64 {
        10.0 * (TAU * i as f64 / period).sin()
    }

    #[test]
    fn the_season_follows_from_what_was_measured() {
        let hours = |settings: &Settings, points, period| {
            let choice = chosen(&series("x", 300, points, |i, noise| wave(i, period) + noise), settings);
            (choice.season_secs.map(|secs| secs / 3_600.0), choice.because[0].clone())
        };
        let auto = Settings::default();
        assert!(matches!(hours(&auto, 4_032, 288.0), (Some(24.0), Because::Daily(_))));
        assert!(
            matches!(hours(&auto, 4_032, 100.0), (Some(h), Because::Measured(_)) if (h - 100.0 / 12.0).abs() < 0.01)
        );
        assert!(matches!(hours(&auto, 4_032, 1e9), (Some(24.0), Because::NoSeason)));
        assert!(matches!(hours(&auto, 300, 288.0), (Some(24.0), Because::TooShortForSeason(_))));
        let off = Settings { season: Season::None, ..Settings::default() };
        assert!(matches!(hours(&off, 4_032, 288.0), (None, Because::SeasonOff)));
        let named = Settings { season: "12h".to_owned().try_into().expect("season"), ..Settings::default() };
        assert!(matches!(hours(&named, 4_032, 288.0), (Some(12.0), Because::SeasonGiven(_))));
        let daily = chosen(&series("x", 86_400, 400, |_, noise| noise), &auto);
        assert!(matches!(daily.because[0], Because::StepTooLong(_)) && daily.season_secs.is_none());
    }

    #[test]
    fn counters_noise_and_names_are_advised_on() {
        let auto = Settings::default();
        let counter = chosen(&series("requests_total", 60, 2_000, |i, noise| 100.0 * i as f64 + noise + 1.0), &auto);
        assert!(counter.as_rate && counter.because.iter().any(|b| b.sentence().contains("rate()")), "{counter:?}");
        let grown = chosen(&series("x", 300, 4_032, |i, noise| (12.0 + wave(i, 288.0)) * (1.0 + 0.2 * noise)), &auto);
        assert!(grown.as_logarithm && !grown.as_rate, "{grown:?}");
        let errors = chosen(&series("http_errors", 300, 4_032, |i, _| f64::from(u8::from(i % 40 == 1))), &auto);
        assert_eq!((errors.direction, errors.as_logarithm), (Watch::Above, false));
        let free = chosen(&series("disk_free_bytes", 300, 100, |_, noise| 5.0 + noise), &auto);
        assert_eq!(free.direction, Watch::Below);
        assert!(free.until_trusted_secs > 1e6, "{free:?}");
        let still = chosen(&series("x", 300, 100, |_, _| 4.0), &auto);
        assert!(still.because.contains(&Because::NeverMoved));
        for because in [counter, grown, errors, free, still].iter().flat_map(|choice| &choice.because) {
            assert!(because.sentence().ends_with('.') && !because.about().is_empty());
        }
    }

    #[test]
    fn a_stream_finds_its_season_by_itself_and_from_its_past_only() {
        let eight = series("x", 300, 3_000, |i, noise| if i % 100 < 20 { 30.0 } else { 0.0 } + noise);
        let day = Settings { season: "24h".to_owned().try_into().expect("season"), ..Settings::default() };
        let error = |settings: &Settings| {
            let scores = score_series(&eight, settings).expect("scores");
            scores.points[2_000..].iter().map(|p| (p.value - p.expected).abs()).sum::<f64>() / 1_000.0
        };
        let (auto, day) = (error(&Settings::default()), error(&day));
        assert!(auto < 0.5 * day, "{auto} {day}");
        let whole = score_series(&eight, &Settings::default()).expect("scores");
        let part = score_series(&eight.head(1_000), &Settings::default()).expect("scores");
        assert_eq!(whole.points[..1_000], part.points[..]);
        // a snapshot taken before the look goes on as if it had not been taken
        let mut one = SeriesDetector::new(eight.step(), &Settings::default());
        eight.values()[..800].iter().enumerate().for_each(|(i, v)| drop(one.push(eight.time_at(i), *v, false)));
        let text = serde_json::to_string(&one).expect("written");
        let mut again: SeriesDetector = serde_json::from_str(&text).expect("read");
        for (i, value) in eight.values().iter().enumerate().skip(800).take(400) {
            let at = eight.time_at(i);
            assert_eq!(one.push(at, *value, false), again.push(at, *value, false), "{i}");
        }
    }
}
