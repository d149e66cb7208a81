//! Drawing members by chance, each as often as its weight says, in constant time (Walker's alias method, built as Vose
//! does).

use crate::upstream::member::Member;

/// A loaded die over members.
#[derive(Debug)]
pub struct WeightedDraw {
    /// All cells are equally likely; each holds one member and the excess of at most one other.
    cells: Box<[Cell]>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    own: u32,
    /// The member that has the rest of the cell.
    other: u32,
    /// How much of the cell is `own`'s, of 2^32.
    keep: u32,
}

impl WeightedDraw {
    /// A die over the members at these indices.
    #[must_use]
    pub fn new(members: &[Member], indices: &[u32]) -> Self {
        let weight = |index: &u32| members.get(*index as usize).map_or(0, |member| u64::from(member.weight));
        let total: u64 = indices.iter().map(weight).sum();
        let cells = indices.len() as u64;
        // Scaled, so that a full cell is `total` and nothing is rounded before the end.
        let (mut light, mut heavy): (Vec<_>, Vec<_>) =
            indices.iter().map(|index| (*index, weight(index) * cells)).partition(|(_, scaled)| *scaled < total);
        let mut done = Vec::with_capacity(indices.len());
        while let (Some((own, scaled)), Some((other, excess))) = (light.pop(), heavy.last_mut()) {
            done.push(Cell { own, other: *other, keep: part_of(scaled, total) });
            *excess -= total - scaled;
            let left = (*other, *excess);
            if left.1 < total {
                heavy.pop();
                light.push(left);
            }
        }
        done.extend(heavy.into_iter().chain(light).map(|(own, _)| Cell { own, other: own, keep: u32::MAX }));
        Self { cells: done.into() }
    }

    /// The index of a member by chance, `None` where there is none.
    #[must_use]
    pub fn draw(&self, chance: &mut fastrand::Rng) -> Option<u32> {
        let word = chance.u64(..);
        let (high, low) = (word >> 32, word & u64::from(u32::MAX));
        let at = (high * self.cells.len() as u64) >> 32;
        let cell = self.cells.get(usize::try_from(at).ok()?)?;
        Some(if low < u64::from(cell.keep) { cell.own } else { cell.other })
    }
}

fn part_of(scaled: u64, total: u64) -> u32 {
    u32::try_from((u128::from(scaled) << 32) / u128::from(total.max(1))).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::upstream::tests::members;

    /// The share each member has of the die, read off its cells.
    fn shares(draw: &WeightedDraw, members: usize) -> Vec<f64> {
        let mut shares = vec![0.0; members];
        for cell in &draw.cells {
            let kept = f64::from(cell.keep) / f64::from(u32::MAX) / draw.cells.len() as f64;
            shares[cell.own as usize] += kept;
            shares[cell.other as usize] += 1.0 / draw.cells.len() as f64 - kept;
        }
        shares
    }

    #[test]
    fn nobody_is_drawn_where_there_is_nobody() {
        assert_eq!(WeightedDraw::new(&[], &[]).draw(&mut fastrand::Rng::with_seed(1)), None);
    }

    proptest! {
        #[test]
        fn each_member_has_its_weights_share(weights in prop::collection::vec(1_u32..=1000, 1..40)) {
            let members = members(&weights);
            let indices: Vec<u32> = (0..).take(weights.len()).collect();
            let total: u32 = weights.iter().sum();
            let shares = shares(&WeightedDraw::new(&members, &indices), weights.len());
            for (share, weight) in shares.iter().zip(&weights) {
                prop_assert!((share - f64::from(*weight) / f64::from(total)).abs() < 1e-6, "{shares:?} {weights:?}");
            }
        }
    }
}
