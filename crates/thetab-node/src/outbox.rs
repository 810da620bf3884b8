use alloc::collections::VecDeque;

use thetab_wire::relay::RelayRequest;

use crate::effect::Effect;

/// Where the parts of the node leave what they want done, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// For the host.
    pub(crate) effects: VecDeque<Effect>,
    /// For the swarm.
    pub(crate) swarm: VecDeque<thetab_swarm::Input>,
    /// For the relay, when there is one.
    pub(crate) relay: VecDeque<RelayRequest>,
}

impl Outbox {
    /// Leaves something for the host.
    pub(crate) fn host(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    /// Leaves something for the swarm.
    pub(crate) fn swarm(&mut self, input: thetab_swarm::Input) {
        self.swarm.push_back(input);
    }

    /// Leaves something for the relay.
    pub(crate) fn relay(&mut self, request: impl Into<RelayRequest>) {
        self.relay.push_back(request.into());
    }
}
