use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;
use thetab_types::{B256, EMPTY_ROOT, Encode, keccak256};

use crate::{
    Nodes, TrieError,
    nibbles::{common, unpack},
    node::{Child, HASHED_FROM_BYTES, Node, encode_branch, encode_extension, encode_leaf},
    nodes::{decode_below, fetch},
    walk::descend,
};

/// A trie that takes changes.
///
/// Nodes that it has walked stay in memory, so that a block's changes decode each node once and hash each changed node once. Reopen it
/// at its root when [`Trie::loaded_nodes`] has grown too large. Memory and time grow with the changes, never with the trie.
#[derive(Clone, Debug)]
pub struct Trie {
    slots: Vec<Slot>,
    free: Vec<u32>,
    root: Link,
}

/// A node in memory. Without a reference it has changed since it was last hashed.
#[derive(Clone, Debug)]
struct Slot {
    kind: Kind,
    reference: Option<Reference>,
}

#[derive(Clone, Debug)]
enum Kind {
    Leaf { path: Vec<u8>, value: Bytes },
    Extension { path: Vec<u8>, child: Link },
    Branch { children: Box<[Link; 16]>, value: Bytes },
}

#[derive(Clone, Debug)]
enum Link {
    Empty,
    Hash(B256),
    Inline(Bytes),
    Loaded(u32),
}

/// How a parent names a node.
#[derive(Clone, Debug)]
enum Reference {
    Hash(B256),
    Inline(Bytes),
}

/// Where a link stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Root,
    BelowExtension(u32),
    BelowBranch(u32, u8),
}

/// What a node is to a path that has led to it.
enum Meeting {
    /// The path ends here, at a leaf or at a branch.
    Here,
    /// The path goes on there, without this many nibbles.
    Onward(Place, usize),
    /// The path leaves the node's own path after this many nibbles.
    Fork(usize),
}

const IN_USE: &str = "links and places name slots in use, of the kind that they say";

impl Default for Trie {
    fn default() -> Trie {
        Trie::new()
    }
}

impl Trie {
    /// The trie without entries.
    pub fn new() -> Trie {
        Trie { slots: Vec::new(), free: Vec::new(), root: Link::Empty }
    }

    /// The trie with this root. Its nodes are fetched when they are needed.
    pub fn open(root: B256) -> Trie {
        let root = if root == EMPTY_ROOT { Link::Empty } else { Link::Hash(root) };
        Trie { root, ..Trie::new() }
    }

    /// How many nodes it holds in memory.
    pub fn loaded_nodes(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// The value at `key`, changes included.
    ///
    /// # Errors
    /// [`TrieError`] when a node on the way is missing or malformed.
    pub fn get<N: Nodes>(&self, nodes: &N, key: &[u8]) -> Result<Option<Bytes>, TrieError<N::Error>> {
        let path = unpack(key);
        let (mut place, mut rest) = (Place::Root, path.as_slice());
        loop {
            let node = match self.link(place) {
                Link::Loaded(index) => match self.meet(*index, rest) {
                    Meeting::Here => return Ok(Some(self.value(*index)).filter(|value| !value.is_empty())),
                    Meeting::Fork(_) => return Ok(None),
                    Meeting::Onward(next, nibbles) => {
                        (place, rest) = (next, rest.get(nibbles..).unwrap_or_default());
                        continue;
                    }
                },
                Link::Empty => return Ok(None),
                Link::Inline(node) => node.clone(),
                Link::Hash(hash) => fetch(nodes, hash, matches!(place, Place::Root))?,
            };
            return descend(nodes, node, rest, matches!(place, Place::BelowExtension(_)), |_, _| ());
        }
    }

    /// Makes all changes, in their order; an empty value removes its key.
    ///
    /// # Errors
    /// As [`Trie::insert`]; changes before the one that failed are made.
    pub fn apply<N: Nodes, K: AsRef<[u8]>>(
        &mut self,
        nodes: &N,
        changes: impl IntoIterator<Item = (K, Bytes)>,
    ) -> Result<(), TrieError<N::Error>> {
        changes.into_iter().try_for_each(|(key, value)| self.insert(nodes, key.as_ref(), value))
    }

    /// Sets the value at `key`; an empty one removes it.
    ///
    /// # Errors
    /// [`TrieError`] when a node on the way is missing or malformed. The entries are then what they were.
    pub fn insert<N: Nodes>(
        &mut self,
        nodes: &N,
        key: &[u8],
        value: Bytes,
    ) -> Result<(), TrieError<N::Error>> {
        if value.is_empty() {
            return self.remove(nodes, key);
        }
        let path = unpack(key);
        let mut walked = Vec::new();
        let (mut place, mut rest) = (Place::Root, path.as_slice());
        loop {
            let Some(index) = self.load(nodes, place)? else {
                let leaf = self.add(Kind::Leaf { path: rest.to_vec(), value });
                *self.link_mut(place) = Link::Loaded(leaf);
                break;
            };
            walked.push(index);
            match self.meet(index, rest) {
                Meeting::Onward(next, nibbles) => {
                    (place, rest) = (next, rest.get(nibbles..).unwrap_or_default());
                }
                Meeting::Here if self.value(index) == value => return Ok(()),
                Meeting::Here => break self.set_value(index, value),
                Meeting::Fork(shared) => break self.fork(index, shared, rest, value),
            }
        }
        self.forget_references(&walked);
        Ok(())
    }

    /// Removes the entry at `key`, if there is one.
    ///
    /// # Errors
    /// As [`Trie::insert`].
    pub fn remove<N: Nodes>(&mut self, nodes: &N, key: &[u8]) -> Result<(), TrieError<N::Error>> {
        let path = unpack(key);
        let mut walked = Vec::new();
        let mut places = Vec::new();
        let (mut place, mut rest) = (Place::Root, path.as_slice());
        while let Some(index) = self.load(nodes, place)? {
            walked.push(index);
            places.push(place);
            match self.meet(index, rest) {
                Meeting::Onward(next, nibbles) => {
                    (place, rest) = (next, rest.get(nibbles..).unwrap_or_default());
                }
                Meeting::Here if !self.value(index).is_empty() => {
                    self.remove_at(nodes, index, &places)?;
                    self.forget_references(&walked);
                    break;
                }
                Meeting::Here | Meeting::Fork(_) => break,
            }
        }
        Ok(())
    }

    /// Hashes what has changed, gives each new node to `put`, and says the root.
    pub fn commit(&mut self, mut put: impl FnMut(B256, Bytes)) -> B256 {
        let index = match self.root {
            Link::Empty | Link::Inline(_) => return EMPTY_ROOT,
            Link::Hash(hash) => return hash,
            Link::Loaded(index) => index,
        };
        self.hash_below(index, &mut put);
        match &self.slot(index).reference {
            Some(Reference::Hash(hash)) => *hash,
            Some(Reference::Inline(node)) => {
                let hash = keccak256(node);
                put(hash, node.clone());
                hash
            }
            None => unreachable!("hashing gives every node below the root a reference"),
        }
    }
}

/// Slots and links.
impl Trie {
    fn slot(&self, index: u32) -> &Slot {
        self.slots.get(index as usize).expect(IN_USE)
    }

    fn slot_mut(&mut self, index: u32) -> &mut Slot {
        self.slots.get_mut(index as usize).expect(IN_USE)
    }

    fn add(&mut self, kind: Kind) -> u32 {
        self.add_slot(Slot { kind, reference: None })
    }

    fn add_slot(&mut self, slot: Slot) -> u32 {
        if let Some(index) = self.free.pop() {
            *self.slot_mut(index) = slot;
            return index;
        }
        let index =
            u32::try_from(self.slots.len()).expect("four thousand million nodes do not fit in memory");
        self.slots.push(slot);
        index
    }

    /// Empties a slot that nothing names any more.
    fn take(&mut self, index: u32) -> Kind {
        self.free.push(index);
        let empty = Kind::Leaf { path: Vec::new(), value: Bytes::new() };
        core::mem::replace(&mut self.slot_mut(index).kind, empty)
    }

    fn link(&self, place: Place) -> &Link {
        match place {
            Place::Root => &self.root,
            Place::BelowExtension(index) => match &self.slot(index).kind {
                Kind::Extension { child, .. } => child,
                _ => unreachable!("{IN_USE}"),
            },
            Place::BelowBranch(index, nibble) => match &self.slot(index).kind {
                Kind::Branch { children, .. } => children.get(usize::from(nibble)).expect(IN_USE),
                _ => unreachable!("{IN_USE}"),
            },
        }
    }

    fn link_mut(&mut self, place: Place) -> &mut Link {
        match place {
            Place::Root => &mut self.root,
            Place::BelowExtension(index) => match &mut self.slot_mut(index).kind {
                Kind::Extension { child, .. } => child,
                _ => unreachable!("{IN_USE}"),
            },
            Place::BelowBranch(index, nibble) => match &mut self.slot_mut(index).kind {
                Kind::Branch { children, .. } => children.get_mut(usize::from(nibble)).expect(IN_USE),
                _ => unreachable!("{IN_USE}"),
            },
        }
    }

    /// Brings the node at `place` into memory; `None` where there is none.
    fn load<N: Nodes>(&mut self, nodes: &N, place: Place) -> Result<Option<u32>, TrieError<N::Error>> {
        let (node, reference) = match self.link(place) {
            Link::Empty => return Ok(None),
            Link::Loaded(index) => return Ok(Some(*index)),
            Link::Inline(node) => (node.clone(), Reference::Inline(node.clone())),
            Link::Hash(hash) => {
                let node = fetch(nodes, hash, matches!(place, Place::Root))?;
                let short = node.len() < HASHED_FROM_BYTES;
                let reference = if short { Reference::Inline(node.clone()) } else { Reference::Hash(*hash) };
                (node, reference)
            }
        };
        let kind = Kind::of(&node, decode_below(&node, matches!(place, Place::BelowExtension(_)))?);
        let index = self.add_slot(Slot { kind, reference: Some(reference) });
        *self.link_mut(place) = Link::Loaded(index);
        Ok(Some(index))
    }

    fn forget_references(&mut self, walked: &[u32]) {
        for &index in walked {
            self.slot_mut(index).reference = None;
        }
    }
}

/// Nodes and paths.
impl Trie {
    fn meet(&self, index: u32, rest: &[u8]) -> Meeting {
        match &self.slot(index).kind {
            Kind::Leaf { path, .. } => match common(path, rest) {
                shared if shared == path.len() && shared == rest.len() => Meeting::Here,
                shared => Meeting::Fork(shared),
            },
            Kind::Extension { path, .. } => match common(path, rest) {
                shared if shared == path.len() => Meeting::Onward(Place::BelowExtension(index), shared),
                shared => Meeting::Fork(shared),
            },
            Kind::Branch { .. } => match rest.first() {
                Some(&nibble) => Meeting::Onward(Place::BelowBranch(index, nibble), 1),
                None => Meeting::Here,
            },
        }
    }

    fn value(&self, index: u32) -> Bytes {
        match &self.slot(index).kind {
            Kind::Leaf { value, .. } | Kind::Branch { value, .. } => value.clone(),
            Kind::Extension { .. } => Bytes::new(),
        }
    }

    fn set_value(&mut self, index: u32, new: Bytes) {
        if let Kind::Leaf { value, .. } | Kind::Branch { value, .. } = &mut self.slot_mut(index).kind {
            *value = new;
        }
    }

    /// Puts a branch where the path to a new entry leaves a leaf's or an extension's own path.
    fn fork(&mut self, index: u32, shared: usize, rest: &[u8], value: Bytes) {
        let nothing = Kind::Leaf { path: Vec::new(), value: Bytes::new() };
        let mut children = Box::new([const { Link::Empty }; 16]);
        let mut own = Bytes::new();
        let mut above = Vec::new();
        match core::mem::replace(&mut self.slot_mut(index).kind, nothing) {
            Kind::Leaf { path, value } => {
                above.extend(path.iter().take(shared));
                match path.get(shared..).and_then(<[u8]>::split_first) {
                    None => own = value,
                    Some((&nibble, below)) => {
                        let leaf = self.add(Kind::Leaf { path: below.to_vec(), value });
                        set_child(&mut children, nibble, Link::Loaded(leaf));
                    }
                }
            }
            Kind::Extension { path, child } => {
                above.extend(path.iter().take(shared));
                let (&nibble, below) = path.get(shared..).and_then(<[u8]>::split_first).expect(IN_USE);
                let link = if below.is_empty() {
                    child
                } else {
                    Link::Loaded(self.add(Kind::Extension { path: below.to_vec(), child }))
                };
                set_child(&mut children, nibble, link);
            }
            Kind::Branch { .. } => unreachable!("no path forks from a branch"),
        }
        match rest.get(shared..).and_then(<[u8]>::split_first) {
            None => own = value,
            Some((&nibble, below)) => {
                let leaf = self.add(Kind::Leaf { path: below.to_vec(), value });
                set_child(&mut children, nibble, Link::Loaded(leaf));
            }
        }
        let branch = Kind::Branch { children, value: own };
        self.slot_mut(index).kind = if above.is_empty() {
            branch
        } else {
            Kind::Extension { path: above, child: Link::Loaded(self.add(branch)) }
        };
    }

    /// Removes the entry that ends at `index`, to which `places` led, and puts nodes together that need not be apart any more.
    ///
    /// What must be loaded is loaded before anything changes.
    fn remove_at<N: Nodes>(
        &mut self,
        nodes: &N,
        index: u32,
        places: &[Place],
    ) -> Result<(), TrieError<N::Error>> {
        let is_leaf = matches!(self.slot(index).kind, Kind::Leaf { .. });
        let (branch, without, above) = match (places, is_leaf) {
            ([.., above, Place::BelowBranch(branch, nibble)], true) => (*branch, Some(*nibble), *above),
            ([.., above], false) => (index, None, *above),
            _ => {
                self.take(index);
                self.root = Link::Empty;
                return Ok(());
            }
        };
        let only = self.only_other(branch, without);
        if let Some(Other::Child(nibble)) = only {
            self.load(nodes, Place::BelowBranch(branch, nibble))?;
        }
        match without {
            Some(nibble) => {
                self.take(index);
                *self.link_mut(Place::BelowBranch(branch, nibble)) = Link::Empty;
            }
            None => self.set_value(index, Bytes::new()),
        }
        if let Some(only) = only {
            self.collapse(branch, only);
            self.join(above);
        }
        Ok(())
    }

    /// What a branch holds beside a child, or beside its value, if that is one thing alone.
    fn only_other(&self, branch: u32, without: Option<u8>) -> Option<Other> {
        let Kind::Branch { children, value } = &self.slot(branch).kind else { unreachable!("{IN_USE}") };
        let own = (without.is_some() && !value.is_empty()).then_some(Other::Value);
        let used = (0u8..).zip(children.iter()).filter(|(_, link)| !matches!(link, Link::Empty));
        let others =
            used.filter(|(nibble, _)| without != Some(*nibble)).map(|(nibble, _)| Other::Child(nibble));
        let mut all = own.into_iter().chain(others);
        all.next().filter(|_| all.next().is_none())
    }

    /// Turns a branch with one entry, or one child that is loaded, into a leaf or an extension.
    fn collapse(&mut self, branch: u32, only: Other) {
        let Other::Child(nibble) = only else {
            let value = self.value(branch);
            self.slot_mut(branch).kind = Kind::Leaf { path: Vec::new(), value };
            return;
        };
        let Link::Loaded(child) = *self.link(Place::BelowBranch(branch, nibble)) else {
            unreachable!("the only child was loaded")
        };
        self.slot_mut(branch).kind = self.prepend(&[nibble], child);
    }

    /// Puts an extension together with the leaf or extension below it.
    fn join(&mut self, above: Place) {
        let Place::BelowExtension(extension) = above else { return };
        let Link::Loaded(child) = *self.link(above) else { unreachable!("a node that changed is loaded") };
        let path = match &mut self.slot_mut(extension).kind {
            Kind::Extension { path, .. } => core::mem::take(path),
            _ => unreachable!("{IN_USE}"),
        };
        self.slot_mut(extension).kind = self.prepend(&path, child);
    }

    /// The node that has `path` before what `child` is.
    fn prepend(&mut self, path: &[u8], child: u32) -> Kind {
        if let Kind::Branch { .. } = self.slot(child).kind {
            return Kind::Extension { path: path.to_vec(), child: Link::Loaded(child) };
        }
        match self.take(child) {
            Kind::Leaf { path: rest, value } => Kind::Leaf { path: [path, &rest].concat(), value },
            Kind::Extension { path: rest, child } => Kind::Extension { path: [path, &rest].concat(), child },
            branch @ Kind::Branch { .. } => branch,
        }
    }
}

/// What is left in a branch.
#[derive(Clone, Copy)]
enum Other {
    Value,
    Child(u8),
}

fn set_child(children: &mut [Link; 16], nibble: u8, link: Link) {
    *children.get_mut(usize::from(nibble)).expect("a nibble is below 16") = link;
}

/// Hashing.
impl Trie {
    /// Gives a reference to `root` and to every changed node below it, children first.
    fn hash_below(&mut self, root: u32, put: &mut impl FnMut(B256, Bytes)) {
        let mut path = Vec::from([(root, 0u8)]);
        while let Some((index, from)) = path.pop() {
            if self.slot(index).reference.is_some() {
                continue;
            }
            match self.next_changed(index, from) {
                Some((child, next)) => path.extend([(index, next), (child, 0)]),
                None => {
                    let reference = self.hash(index, put);
                    self.slot_mut(index).reference = Some(reference);
                }
            }
        }
    }

    /// The first changed child from the `from`th on, and where to look for the next.
    fn next_changed(&self, index: u32, from: u8) -> Option<(u32, u8)> {
        let children = match &self.slot(index).kind {
            Kind::Leaf { .. } => &[],
            Kind::Extension { child, .. } => core::slice::from_ref(child),
            Kind::Branch { children, .. } => &children[..],
        };
        (0u8..).zip(children).skip(usize::from(from)).find_map(|(place, link)| match link {
            Link::Loaded(child) if self.slot(*child).reference.is_none() => {
                Some((*child, place.saturating_add(1)))
            }
            _ => None,
        })
    }

    fn hash(&self, index: u32, put: &mut impl FnMut(B256, Bytes)) -> Reference {
        let node = Bytes::from(match &self.slot(index).kind {
            Kind::Leaf { path, value } => encode_leaf(path, value),
            Kind::Extension { path, child } => encode_extension(path, self.child(child)),
            Kind::Branch { children, value } => {
                encode_branch(children.iter().map(|link| self.child(link)), value)
            }
        });
        if node.len() < HASHED_FROM_BYTES {
            return Reference::Inline(node);
        }
        let hash = keccak256(&node);
        put(hash, node);
        Reference::Hash(hash)
    }

    fn child<'a>(&'a self, link: &'a Link) -> Child<'a> {
        match link {
            Link::Empty => Child::Empty,
            Link::Hash(hash) => Child::Hash(*hash),
            Link::Inline(node) => Child::Inline(node),
            Link::Loaded(index) => match &self.slot(*index).reference {
                Some(Reference::Hash(hash)) => Child::Hash(*hash),
                Some(Reference::Inline(node)) => Child::Inline(node),
                None => unreachable!("children are hashed first"),
            },
        }
    }
}

impl Kind {
    /// A copy of a node that shares the node's bytes.
    fn of(bytes: &Bytes, node: Node<'_>) -> Kind {
        let link = |child: Child<'_>| match child {
            Child::Empty => Link::Empty,
            Child::Hash(hash) => Link::Hash(hash),
            Child::Inline(raw) => Link::Inline(bytes.slice_ref(raw)),
        };
        match node {
            Node::Leaf { path, value } => Kind::Leaf { path: path.to_vec(), value: bytes.slice_ref(value) },
            Node::Extension { path, child } => Kind::Extension { path: path.to_vec(), child: link(child) },
            Node::Branch { children, value } => {
                Kind::Branch { children: Box::new(children.map(link)), value: bytes.slice_ref(value) }
            }
        }
    }
}

/// The root over a block's raw transactions, which its header names.
/// # Source
/// `docs/spec/chain.md` §2.7.
pub fn transactions_root<'a>(transactions: impl IntoIterator<Item = &'a Bytes>) -> B256 {
    let nodes = alloc::collections::BTreeMap::new();
    let mut trie = Trie::new();
    for (index, transaction) in (0u64..).zip(transactions) {
        let change = trie.insert(&nodes, &index.encode(), transaction.clone());
        change.expect("a trie that was never stored fetches nothing");
    }
    trie.commit(|_, _| ())
}
