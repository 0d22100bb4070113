//! Numbers in snapshots, bit for bit.
//!
//! Decimal text may lose the last bit on the way through a parser, and a detector that was read back must go on exactly
//! as the one that was written. A list of numbers is stored as one text of the hexadecimal bit patterns.

/// Lists of `f64`.
pub(super) mod f64s {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::detect) fn serialize<'a, S, L>(list: &'a L, to: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        &'a L: IntoIterator<Item = &'a f64>,
    {
        let text: String = list.into_iter().map(|v| format!("{:016x}", v.to_bits())).collect();
        to.serialize_str(&text)
    }

    pub(in crate::detect) fn deserialize<'de, D, L>(from: D) -> Result<L, D::Error>
    where
        D: Deserializer<'de>,
        L: FromIterator<f64>,
    {
        let text = String::deserialize(from)?;
        let bad = || D::Error::custom("numbers must be groups of 16 hexadecimal digits");
        super::groups(&text, 16).map(|part| part.map(f64::from_bits).ok_or_else(bad)).collect()
    }
}

/// Lists of `f32`.
pub(super) mod f32s {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::detect) fn serialize<'a, S, L>(list: &'a L, to: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        &'a L: IntoIterator<Item = &'a f32>,
    {
        let text: String = list.into_iter().map(|v| format!("{:08x}", v.to_bits())).collect();
        to.serialize_str(&text)
    }

    pub(in crate::detect) fn deserialize<'de, D, L>(from: D) -> Result<L, D::Error>
    where
        D: Deserializer<'de>,
        L: FromIterator<f32>,
    {
        let text = String::deserialize(from)?;
        let bad = || D::Error::custom("numbers must be groups of 8 hexadecimal digits");
        super::groups(&text, 8).map(|part| part.map(|bits| f32::from_bits(bits as u32)).ok_or_else(bad)).collect()
    }
}

/// One `f64`.
pub(super) mod one {
    use serde::{Deserializer, Serializer};

    pub(in crate::detect) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        super::f64s::serialize(&[*value], to)
    }

    pub(in crate::detect) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let list: Vec<f64> = super::f64s::deserialize(from)?;
        match list.as_slice() {
            [value] => Ok(*value),
            _ => Err(serde::de::Error::custom("one number must be 16 hexadecimal digits")),
        }
    }
}

fn groups(text: &str, width: usize) -> impl Iterator<Item = Option<u64>> + '_ {
    text.as_bytes().chunks(width).map(move |part| {
        let digits = std::str::from_utf8(part).ok().filter(|t| t.len() == width && !t.starts_with('+'))?;
        u64::from_str_radix(digits, 16).ok()
    })
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    struct Held {
        #[serde(with = "super::f64s")]
        wide: Vec<f64>,
        #[serde(with = "super::f32s")]
        narrow: Vec<f32>,
        #[serde(with = "super::one")]
        single: f64,
    }

    #[test]
    fn every_bit_survives() {
        let held =
            Held { wide: vec![0.1, -0.0, f64::MAX, f64::INFINITY], narrow: vec![0.1, f32::MIN], single: 1.0 / 3.0 };
        let json = serde_json::to_string(&held).expect("written");
        let read: Held = serde_json::from_str(&json).expect("read");
        let bits = |h: &Held| (h.wide.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), h.single.to_bits());
        assert_eq!(bits(&read), bits(&held));
        assert_eq!(read.narrow.len(), 2);
        assert!(serde_json::from_str::<Held>(&json.replacen("wide\":\"3", "wide\":\"g", 1)).is_err());
        assert!(serde_json::from_str::<Held>(&json.replacen("wide\":\"3", "wide\":\"é", 1)).is_err());
    }
}
