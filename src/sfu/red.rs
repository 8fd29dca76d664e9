//! The payload of redundant sound (RFC 2198): one packet's sound with that of packets before it in front. Reads and writes octets; decides nothing.

use crate::limits;

/// A time offset has 14 bits.
pub const OFFSET_MAX: u32 = (1 << 14) - 1;
/// A length has 10 bits.
const LENGTH_MAX: usize = (1 << 10) - 1;

/// A payload, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Red<'a> {
    /// The packet's own sound.
    pub primary: &'a [u8],
    /// What is said again: the packet just before first. A place without sound (too old, or of another codec) stands empty.
    pub earlier: [Option<Block<'a>>; limits::REDUNDANT_BLOCKS],
}

/// What one packet before said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// How many ticks before the packet.
    pub offset: u32,
    /// Its payload.
    pub payload: &'a [u8],
}

/// Takes a payload apart whose sound is of this payload type; `None` when its lengths do not fit each other, or it says more again than
/// `limits::REDUNDANT_BLOCKS` packets.
pub fn read(payload: &[u8], payload_type: u8) -> Option<Red<'_>> {
    let mut heads = payload;
    let mut listed: [Option<(u8, u32, usize)>; limits::REDUNDANT_BLOCKS] = [None; limits::REDUNDANT_BLOCKS];
    let mut count = 0;
    let primary_type = loop {
        let (first, rest) = heads.split_first()?;
        if first & 0x80 == 0 {
            heads = rest;
            break *first;
        }
        let (head, rest) = heads.split_first_chunk::<4>()?;
        let word = u32::from_be_bytes(*head);
        *listed.get_mut(count)? = Some((first & 0x7f, (word >> 10) & OFFSET_MAX, (word & 0x3ff) as usize));
        count += 1;
        heads = rest;
    };
    let mut rest = heads;
    let mut earlier = [None; limits::REDUNDANT_BLOCKS];
    for (number, (whose, offset, length)) in listed.into_iter().flatten().enumerate() {
        let (said, after) = rest.split_at_checked(length)?;
        rest = after;
        if whose == payload_type && !said.is_empty() && offset > 0 {
            earlier[count - 1 - number] = Some(Block { offset, payload: said });
        }
    }
    (primary_type == payload_type).then_some(Red { primary: rest, earlier })
}

/// Appends a payload: `earlier` as in [`Red`]. Blocks that the form cannot hold, and those behind an empty place, are left out.
pub fn write(primary: &[u8], earlier: [Option<Block<'_>>; limits::REDUNDANT_BLOCKS], payload_type: u8, out: &mut Vec<u8>) {
    let fits = |block: &Block<'_>| block.offset <= OFFSET_MAX && block.payload.len() <= LENGTH_MAX;
    let count = earlier.iter().take_while(|block| block.as_ref().is_some_and(fits)).count();
    let blocks = || earlier.iter().take(count).rev().flatten();
    for block in blocks() {
        let word = (0x80 | u32::from(payload_type)) << 24 | block.offset << 10 | block.payload.len() as u32;
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.push(payload_type);
    blocks().for_each(|block| out.extend_from_slice(block.payload));
    out.extend_from_slice(primary);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_payload_of_a_browser_is_taken_apart() {
        // 111 again, 960 ticks before, three octets; then 111 itself.
        let payload = [0xef, 0x0f, 0x00, 0x03, 0x6f, 1, 2, 3, 9, 8];
        let red = read(&payload, 111).unwrap();
        assert_eq!(red.primary, [9, 8]);
        assert_eq!(red.earlier, [Some(Block { offset: 960, payload: &[1, 2, 3] }), None]);
        assert_eq!(read(&[0x6f, 7], 111).unwrap(), Red { primary: &[7], earlier: [None; 2] }, "nothing is said again");
        assert_eq!(read(&payload, 109), None, "another codec's");
    }

    #[test]
    fn the_packet_just_before_comes_first_and_keeps_its_place() {
        let [older, newer] = [Block { offset: 1_920, payload: &[1] }, Block { offset: 960, payload: &[2, 2] }];
        let mut out = Vec::new();
        write(&[3], [Some(newer), Some(older)], 111, &mut out);
        assert_eq!(out, [0xef, 0x1e, 0x00, 0x01, 0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 2, 2, 3]);
        assert_eq!(read(&out, 111).unwrap().earlier, [Some(newer), Some(older)]);
        // The newer one is of a codec that is not forwarded: the older one is still two packets before.
        out[4] = 0xed;
        assert_eq!(read(&out, 111).unwrap().earlier, [None, Some(older)]);
    }

    #[test]
    fn what_the_form_cannot_hold_is_left_out() {
        let mut out = Vec::new();
        let old = Block { offset: OFFSET_MAX + 1, payload: &[1] };
        write(&[3], [Some(old), Some(Block { offset: 1, payload: &[2] })], 111, &mut out);
        assert_eq!(out, [0x6f, 3]);
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert_eq!(read(&[], 111), None);
        assert_eq!(read(&[0xef, 0x0f, 0x00], 111), None, "a head is cut");
        assert_eq!(read(&[0xef, 0x0f, 0x00, 0x03, 0x6f, 1, 2], 111), None, "a block is cut");
        assert_eq!(read(&[0xef, 0x0f, 0x00, 0x00], 111), None, "no end of the heads");
        let many = [[0xef, 0x0f, 0x00, 0x00]; 3].concat();
        assert_eq!(read(&[&many[..], &[0x6f, 1]].concat(), 111), None, "more than are looked at");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60), payload_type in 0u8..128) {
            if let Some(red) = read(&bytes, payload_type) {
                let said: usize = red.earlier.iter().flatten().map(|block| block.payload.len()).sum();
                prop_assert!(red.primary.len() + said < bytes.len());
            }
        }

        #[test]
        fn what_is_written_is_read_back(primary in proptest::collection::vec(any::<u8>(), 0..40), one in 1usize..1024, offset in 1u32..=OFFSET_MAX) {
            let before = vec![5; one];
            let earlier = [Some(Block { offset, payload: &before[..] }), None];
            let mut out = Vec::new();
            write(&primary, earlier, 63, &mut out);
            prop_assert_eq!(read(&out, 63), Some(Red { primary: &primary[..], earlier }));
        }
    }
}
