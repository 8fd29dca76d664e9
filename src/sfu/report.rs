//! The reports owed to one participant each second: SR and CNAME for every slot that sends, RR for every track that comes (RFC 3550 §6).

use crate::limits;
use crate::sfu::clock::SourceReport;
use crate::sfu::participant::Participant;
use crate::sfu::rtcp::{self, Block};
use crate::time::Instant;

/// What a slot's source last said of its clocks, for each slot of the participant in order.
pub type SourceReports = [Option<(SourceReport, u32)>; limits::SLOTS_MAX];

/// Writes one compound packet into `out`, which is emptied first; empty when nothing is to be said.
pub fn write(participant: &mut Participant, sources: &SourceReports, server_ntp: u64, now: Instant, out: &mut Vec<u8>) {
    out.clear();
    for (slot, source) in participant.slots.iter_mut().zip(sources) {
        if let Some((source, clock_rate)) = source {
            slot.report(source, server_ntp, *clock_rate, now, out);
        }
    }
    let mut blocks = [Block::default(); 3];
    let mut count = 0;
    for block in participant.publishers.iter_mut().filter_map(|publisher| publisher.block(now)) {
        if let Some(place) = blocks.get_mut(count) {
            *place = block;
            count += 1;
        }
    }
    if count > 0 {
        let own = participant.own_ssrc();
        rtcp::write_receiver_report(out, own, &blocks[..count]);
        if out.len() == 8 + 24 * count {
            // A compound packet without an SR still names its sender.
            rtcp::write_cname(out, own, b"slot0");
        }
    }
}
