//! Supervised learners that know no domain: boosted trees, random forest, ridge, calibration, tree attributions.
