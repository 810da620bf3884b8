//! What goes wrong, and when.

use std::time::Duration;

use thetab_node::SharingMode;
use thetab_sansio::Instant;

use super::{World, event::Event, http::Outage};
use crate::{ViewerId, player::Action};

impl World {
    /// Something that happens `at` this time.
    pub fn at(&mut self, at: Duration) -> Moment<'_> {
        Moment { world: self, at: Instant::ZERO + at }
    }
}

/// A moment of a world, to say what happens then.
#[derive(Debug)]
pub struct Moment<'a> {
    world: &'a mut World,
    at: Instant,
}

impl Moment<'_> {
    /// The relay stops: no tickets, no introductions, no signalling.
    pub fn kill_relay(self) -> Self {
        self.act(World::stop_relay)
    }

    /// The relay starts again and has forgotten everybody.
    pub fn restart_relay(self) -> Self {
        self.act(World::start_relay)
    }

    /// The origin refuses connections, and everything that was being read breaks off.
    pub fn kill_origin(self) -> Self {
        self.act(|world| world.lose_origin(Outage::Refuses))
    }

    /// The origin does not answer any more.
    pub fn silence_origin(self) -> Self {
        self.act(|world| world.lose_origin(Outage::Silent))
    }

    /// The origin is well again.
    pub fn restore_origin(self) -> Self {
        self.act(|world| world.origin.outage = None)
    }

    /// A tab disappears without a word.
    pub fn crash(self, viewer: ViewerId) -> Self {
        self.act(move |world| world.remove(viewer, true))
    }

    /// A visitor closes the tab.
    pub fn leave(self, viewer: ViewerId) -> Self {
        self.act(move |world| world.remove(viewer, false))
    }

    /// Every second tab disappears without a word.
    pub fn crash_half(self) -> Self {
        self.act(|world| {
            for index in (0..world.viewers.len()).step_by(2) {
                world.remove(ViewerId(index), true);
            }
        })
    }

    /// A visitor jumps to a segment.
    pub fn seek(self, viewer: ViewerId, sequence: u64) -> Self {
        self.player(viewer, move |player, now| player.seek(now, sequence))
    }

    /// A player takes another video rendition.
    pub fn switch(self, viewer: ViewerId, rendition: u16) -> Self {
        self.player(viewer, move |player, now| player.switch(now, rendition))
    }

    /// A visitor answers whether to share.
    pub fn answers(self, viewer: ViewerId, sharing: SharingMode) -> Self {
        self.act(move |world| world.answer_consent(viewer, sharing))
    }

    fn player(
        self,
        id: ViewerId,
        change: impl FnOnce(&mut crate::player::Player, Instant) -> Vec<Action> + 'static,
    ) -> Self {
        self.act(move |world| {
            let now = world.now;
            let Some(viewer) = world.viewer_mut(id) else { return };
            let actions = change(&mut viewer.player, now);
            world.act(id, actions);
        })
    }

    fn act(self, act: impl FnOnce(&mut World) + 'static) -> Self {
        self.world.queue.push(self.at, Event::Act(Box::new(act)));
        self
    }
}

impl World {
    fn lose_origin(&mut self, outage: Outage) {
        self.origin.outage = Some(outage);
        if outage == Outage::Refuses {
            self.break_exchanges();
        }
        let playing =
            self.viewers.iter().enumerate().filter(|(_, viewer)| viewer.player.first_frame().is_some());
        self.marks = playing.map(|(index, viewer)| (ViewerId(index), viewer.player.buffered_ms())).collect();
    }

    fn remove(&mut self, id: ViewerId, crashed: bool) {
        let Some(viewer) = self.viewer_mut(id) else { return };
        let stream = viewer.stream.take();
        self.end_tab(id);
        self.drop_exchanges(id);
        self.drop_connections(id, crashed);
        if let Some(stream) = stream {
            self.close_stream(stream, if crashed { Duration::from_secs(20) } else { Duration::ZERO });
        }
    }
}
