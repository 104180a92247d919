//! Tails of distributions, as `-log10 p`, computed in logarithms so that they do not underflow.
//!
//! All functions come from `libm`, so that results do not depend on the platform.

use std::f64::consts::LN_10;

/// Terms of a series after which it is cut: beyond that the tail is not worth telling exactly.
const TERMS_MAX: u32 = 2_000;

/// `-log10 P(X >= observed)` where `upper`, else `-log10 P(X <= observed)`, of a negative binomial with this mean and
/// variance (as good as Poisson where the variance is not above the mean). 0 where the observed lies on the other side of
/// the mean. O(terms), at most 2,000.
///
/// Source: the parametrisation by moments of Johnson, Kemp and Kotz, "Univariate Discrete Distributions", chapter 5;
/// successive terms by their ratio.
pub(super) fn negative_binomial(observed: u64, mean: f64, variance: f64, upper: bool) -> f64 {
    let count = observed as f64;
    if (upper && count <= mean) || (!upper && count >= mean) {
        return 0.0;
    }
    let mean = mean.max(1e-9);
    let variance = variance.max(mean * 1.000_1);
    let size = mean * mean / (variance - mean);
    let share = (variance - mean) / variance;
    let log_first = libm::lgamma(count + size) - libm::lgamma(count + 1.0) - libm::lgamma(size)
        + count * libm::log(share)
        + size * libm::log1p(-share);
    let (mut sum, mut term, mut at) = (1.0, 1.0, count);
    for _ in 0..TERMS_MAX {
        if upper {
            term *= share * (at + size) / (at + 1.0);
            at += 1.0;
        } else {
            term *= if at > 0.0 { at / (share * (at - 1.0 + size)) } else { 0.0 };
            at -= 1.0;
        }
        sum += term;
        if term < sum * 1e-6 {
            break;
        }
    }
    (-(log_first + libm::log(sum)) / LN_10).max(0.0)
}

/// `-log10 P(X > x)` of a gamma distribution. 0 below its mean, where nothing is surprising. O(terms), at most 200.
///
/// Source: Lentz's continued fraction of the upper incomplete gamma function, Press et al., "Numerical Recipes", 6.2.
pub(super) fn gamma(x: f64, shape: f64, scale: f64) -> f64 {
    let z = x / scale;
    if z <= shape || !z.is_finite() {
        return 0.0;
    }
    let mut b = z + 1.0 - shape;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for term in 1..200_u32 {
        let i = f64::from(term);
        let a = -i * (i - shape);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-7 {
            break;
        }
    }
    let log_tail = -z + shape * libm::log(z) - libm::lgamma(shape) + libm::log(fraction.abs() + 1e-300);
    (-log_tail / LN_10).max(0.0)
}

/// The threshold, as `-log10 p`, that lets `tests_per_day` tests give `false_per_day` false findings a day.
///
/// Source: Bonferroni's inequality.
pub(super) fn threshold(tests_per_day: f64, false_per_day: f64) -> f64 {
    libm::log10(tests_per_day.max(1.0) / false_per_day).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tail by adding up the probabilities of a Poisson distribution.
    fn poisson_at_least(count: u64, mean: f64) -> f64 {
        let below: f64 =
            (0..count).map(|k| libm::exp(k as f64 * libm::log(mean) - mean - libm::lgamma(k as f64 + 1.0))).sum();
        1.0 - below
    }

    #[test]
    fn with_the_variance_of_poisson_the_tail_is_that_of_poisson() {
        for (count, mean) in [(8, 3.0), (20, 10.0), (5, 0.5)] {
            let expected = -libm::log10(poisson_at_least(count, mean));
            assert!((negative_binomial(count, mean, mean, true) - expected).abs() < 0.01, "{count} {mean}");
        }
        assert!((negative_binomial(0, 12.0, 12.0, false) - 12.0 / LN_10).abs() < 0.01);
    }

    #[test]
    fn tails_grow_with_the_distance_and_shrink_with_the_variance() {
        let tails: Vec<f64> = (10..200).map(|count| negative_binomial(count, 10.0, 25.0, true)).collect();
        assert!(tails.is_sorted());
        assert!(negative_binomial(60, 10.0, 20.0, true) > negative_binomial(60, 10.0, 80.0, true));
        assert!(negative_binomial(1_000_000, 10.0, 20.0, true).is_finite());
    }

    #[test]
    fn a_gamma_of_shape_one_is_an_exponential() {
        for x in [2.0, 5.0, 40.0, 2_000.0] {
            assert!((gamma(x, 1.0, 1.0) - x / LN_10).abs() < 0.01, "{x}");
        }
        assert_eq!(gamma(0.5, 1.0, 1.0), 0.0);
    }
}
