//! Which handle is polled next: in turn over buckets and folders, so that one that is throttled or never responds
//! holds up no other.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::aws::client::gate::Pace;

/// After a poll that took too long, slow ones pause for this many times as long: together they take at most a fifth of
/// the time.
const SLOW_SHARE: u32 = 4;
/// A folder is stuck when this many polls in it took too long and none got a response in between.
const STUCK_FOLDER: u8 = 2;
/// A bucket is stuck after this many, in any of its folders.
const STUCK_BUCKET: u8 = 4;

/// The queues of all polls.
pub(super) struct Turns {
    /// By the index of the prefix.
    folders: Vec<Folder>,
    buckets: Vec<Bucket>,
    places: HashMap<(usize, String), u32>,
    /// The bucket whose turn is next.
    next: usize,
    slow: VecDeque<Slow>,
    no_slow_before: Duration,
    /// Whether the last poll was one of these.
    was_slow: bool,
    /// Of all buckets together.
    pace: Pace,
}

/// The polls of one folder's objects.
struct Folder {
    bucket: u32,
    queue: VecDeque<u32>,
    /// Whether it is among those that are ready in its bucket.
    ready: bool,
    /// Whether it is among the slow ones, for one poll at a time.
    probed: bool,
    /// Number of polls that took too long since the last response.
    late: u8,
    /// Whether it has ever responded.
    responds: bool,
}

/// A bucket of a session.
struct Bucket {
    /// Its folders with queued polls.
    ready: VecDeque<u32>,
    /// Lower than all requests together while the service throttles.
    pace: Pace,
    probed: bool,
    late: u8,
}

/// What is polled in the time for slow polls.
enum Slow {
    Handle(Turn),
    /// The next handle of a stuck folder.
    Folder(u32),
    /// The next handle of a stuck bucket.
    Bucket(u32),
}

/// A poll.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) prefix: u32,
    pub(super) slot: u32,
}

impl Folder {
    fn is_stuck(&self) -> bool {
        self.late >= STUCK_FOLDER
    }
}

impl Bucket {
    fn is_stuck(&self) -> bool {
        self.late >= STUCK_BUCKET
    }
}

impl Turns {
    pub(super) fn new(polls_per_second: f64, now: Duration) -> Self {
        Self {
            folders: Vec::new(),
            buckets: Vec::new(),
            places: HashMap::new(),
            next: 0,
            slow: VecDeque::new(),
            no_slow_before: Duration::ZERO,
            was_slow: false,
            pace: Pace::new(polls_per_second, now),
        }
    }

    /// Adds the queue of the next prefix.
    pub(super) fn add_folder(&mut self, session: usize, bucket: &str, now: Duration) {
        let buckets = &mut self.buckets;
        let place = self.places.entry((session, bucket.to_owned()));
        let bucket = *place.or_insert_with(|| {
            buckets.push(Bucket {
                ready: VecDeque::new(),
                pace: Pace::new(f64::INFINITY, now),
                probed: false,
                late: 0,
            });
            u32::try_from(buckets.len() - 1).unwrap_or(u32::MAX)
        });
        self.folders.push(Folder {
            bucket,
            queue: VecDeque::new(),
            ready: false,
            probed: false,
            late: 0,
            responds: false,
        });
    }

    fn at(&mut self, prefix: u32) -> Option<(&mut Folder, &mut Bucket)> {
        let folder = self.folders.get_mut(prefix as usize)?;
        let bucket = self.buckets.get_mut(folder.bucket as usize)?;
        Some((folder, bucket))
    }

    /// Queues a poll; a slow one waits for the time of slow polls.
    pub(super) fn push(&mut self, turn: Turn, is_slow: bool) {
        let Some((folder, bucket)) = self.at(turn.prefix) else {
            return;
        };
        if is_slow && !folder.is_stuck() && !bucket.is_stuck() {
            self.slow.push_back(Slow::Handle(turn));
            return;
        }
        folder.queue.push_back(turn.slot);
        self.make_ready(turn.prefix);
    }

    /// Lets a folder with queued polls take part.
    fn make_ready(&mut self, prefix: u32) {
        let Some((folder, bucket)) = self.at(prefix) else {
            return;
        };
        if folder.queue.is_empty() {
            return;
        }
        let index = folder.bucket;
        if folder.is_stuck() {
            if !std::mem::replace(&mut folder.probed, true) {
                self.slow.push_back(Slow::Folder(prefix));
            }
            return;
        }
        if !std::mem::replace(&mut folder.ready, true) {
            bucket.ready.push_back(prefix);
        }
        self.probe_if_stuck(index);
    }

    fn probe_if_stuck(&mut self, index: u32) {
        if let Some(bucket) = self.buckets.get_mut(index as usize)
            && bucket.is_stuck()
            && !bucket.ready.is_empty()
            && !std::mem::replace(&mut bucket.probed, true)
        {
            self.slow.push_back(Slow::Bucket(index));
        }
    }

    /// The next poll; otherwise returns when there may be one.
    pub(super) fn next(&mut self, now: Duration) -> Result<Turn, Duration> {
        let ready = self.ready_bucket(now);
        let slow_due = !self.slow.is_empty() && now >= self.no_slow_before;
        if let (Err(then), false) = (ready, slow_due) {
            let slow = (!self.slow.is_empty()).then_some(self.no_slow_before);
            return Err(slow.map_or(then, |slow| slow.min(then)));
        }
        self.pace.pass(now)?;
        if slow_due && !(self.was_slow && ready.is_ok()) {
            self.was_slow = true;
            if let Some(turn) = self.slow_turn() {
                return Ok(turn);
            }
        }
        self.was_slow = false;
        loop {
            let index = self.ready_bucket(now)?;
            self.next = index + 1;
            if let Some(turn) = self.turn_of(index) {
                self.buckets[index].pace.pass(now)?;
                return Ok(turn);
            }
        }
    }

    /// A bucket with a poll that may be sent now.
    fn ready_bucket(&self, now: Duration) -> Result<usize, Duration> {
        let mut first = Duration::MAX;
        let count = self.buckets.len();
        for index in (0..count).map(|step| (self.next + step) % count) {
            let bucket = &self.buckets[index];
            if bucket.is_stuck() || bucket.ready.is_empty() {
                continue;
            }
            match bucket.pace.ready(now) {
                Ok(()) => return Ok(index),
                Err(then) => first = first.min(then),
            }
        }
        Err(first)
    }

    /// The next poll of a bucket, from the folder whose turn it is.
    fn turn_of(&mut self, bucket: usize) -> Option<Turn> {
        loop {
            let prefix = self.buckets.get_mut(bucket)?.ready.pop_front()?;
            let (folder, bucket) = self.at(prefix)?;
            folder.ready = false;
            if folder.is_stuck() {
                continue;
            }
            let slot = folder.queue.pop_front();
            if !folder.queue.is_empty() {
                folder.ready = true;
                bucket.ready.push_back(prefix);
            }
            if let Some(slot) = slot {
                return Some(Turn { prefix, slot });
            }
        }
    }

    /// The next of the slow polls.
    fn slow_turn(&mut self) -> Option<Turn> {
        while let Some(slow) = self.slow.pop_front() {
            let turn = match slow {
                Slow::Handle(turn) => Some(turn),
                Slow::Folder(prefix) => self.probe_folder(prefix),
                Slow::Bucket(index) => self.probe_bucket(index),
            };
            if turn.is_some() {
                return turn;
            }
        }
        None
    }

    fn probe_folder(&mut self, prefix: u32) -> Option<Turn> {
        let folder = self.folders.get_mut(prefix as usize)?;
        folder.probed = false;
        if !folder.is_stuck() {
            return None;
        }
        let slot = folder.queue.pop_front()?;
        self.make_ready(prefix);
        Some(Turn { prefix, slot })
    }

    fn probe_bucket(&mut self, index: u32) -> Option<Turn> {
        let bucket = self.buckets.get_mut(index as usize)?;
        bucket.probed = false;
        if !bucket.is_stuck() {
            return None;
        }
        let turn = self.turn_of(index as usize);
        self.probe_if_stuck(index);
        turn
    }

    /// Whether polls in this folder wait for the time of slow ones.
    pub(super) fn is_stuck(&self, prefix: u32) -> bool {
        self.folders.get(prefix as usize).is_some_and(|folder| {
            let bucket = self.buckets.get(folder.bucket as usize);
            folder.is_stuck() || bucket.is_some_and(Bucket::is_stuck)
        })
    }

    /// Counts a request that took too long.
    pub(super) fn took_too_long(&mut self, prefix: u32) {
        let Some((folder, bucket)) = self.at(prefix) else {
            return;
        };
        folder.late = folder.late.saturating_add(1);
        bucket.late = bucket.late.saturating_add(1);
        let index = folder.bucket;
        self.make_ready(prefix);
        self.probe_if_stuck(index);
    }

    /// Lets slow polls pause after one that blocked the calling thread, if that held up others.
    pub(super) fn rest(&mut self, began: Duration, now: Duration) {
        let mut responding = self.folders.iter().filter(|folder| folder.responds);
        let holds_up = responding.any(|folder| {
            let bucket = self.buckets.get(folder.bucket as usize);
            !folder.is_stuck() && bucket.is_some_and(|bucket| !bucket.is_stuck())
        });
        if holds_up {
            self.no_slow_before = now + now.saturating_sub(began) * SLOW_SHARE;
        }
    }

    /// Notes a response to a poll, whatever it is: neither the folder nor its bucket is stuck.
    pub(super) fn responded(&mut self, prefix: u32) {
        if let Some((folder, bucket)) = self.at(prefix) {
            (folder.late, bucket.late) = (0, 0);
        }
        self.listed(prefix);
        self.make_ready(prefix);
    }

    /// Notes a response to a listing, which says nothing about polls.
    pub(super) fn listed(&mut self, prefix: u32) {
        if let Some((folder, _)) = self.at(prefix) {
            folder.responds = true;
        }
    }

    pub(super) fn throttled(&mut self, prefix: u32, now: Duration) {
        if let Some((_, bucket)) = self.at(prefix) {
            bucket.pace.throttled(now, None);
        }
    }

    pub(super) fn succeeded(&mut self, prefix: u32, now: Duration) {
        if let Some((_, bucket)) = self.at(prefix) {
            bucket.pace.succeeded(now);
        }
    }

    /// All queued handles; one may be there several times.
    pub(super) fn queued(&self) -> impl Iterator<Item = u32> {
        let slow = self.slow.iter().filter_map(|slow| match slow {
            Slow::Handle(turn) => Some(turn.slot),
            Slow::Folder(_) | Slow::Bucket(_) => None,
        });
        slow.chain(
            self.folders
                .iter()
                .flat_map(|folder| folder.queue.iter().copied()),
        )
    }
}
