//! Receives lines, gives an answer to each in the same order, whatever happens to the one who judges them.
//!
//! The judge sits in a thread of its own: where it fails or does not come back over one line, that line has an error
//! and another judge goes on behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::asked::{self, Answer};
use super::lines::Line;

/// How long one line may take: ten thousand times what is usual. A machine that swaps is not a judge that runs away.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often answers are handed on while more of them are made.
const TICK: Duration = Duration::from_millis(100);

/// Judges that are left behind at most: each keeps a processor busy for good.
const MAX_LEFT_BEHIND: usize = 8;

/// More than any line within limits needs; a page that nobody touches costs nothing.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Gives answers in the order of lines.
#[derive(Debug)]
pub(super) struct Bench<J> {
    judge: Arc<J>,
    patience: Duration,
    jobs: Sender<Job>,
    left_behind: usize,
}

/// Lines to answer, for one judge.
#[derive(Debug)]
struct Job {
    lines: Arc<Vec<Line>>,
    from: usize,
    shared: Arc<Shared>,
    /// Dropped without a word where the judge fails.
    done: Sender<()>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<Vec<Answer>>,
    is_given_up: AtomicBool,
}

/// Why a judge did not answer a line.
#[derive(Debug, Clone, Copy)]
enum Missing {
    Failed,
    Late,
}

// === impl Bench ===

impl<J: Fn(&Line) -> Answer + Send + Sync + 'static> Bench<J> {
    /// A bench with one judge.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn new(judge: J) -> io::Result<Self> {
        Self::with_patience(judge, PATIENCE)
    }

    fn with_patience(judge: J, patience: Duration) -> io::Result<Self> {
        let judge = Arc::new(judge);
        let jobs = seat(&judge)?;
        Ok(Self { judge, patience, jobs, left_behind: 0 })
    }

    /// Answers every line, and hands the answers on as they come.
    ///
    /// # Errors
    /// What `deliver` says, or that the system gives no thread.
    pub(super) fn answer<E: From<io::Error>>(
        &mut self,
        lines: Vec<Line>,
        mut deliver: impl FnMut(Vec<Answer>) -> Result<(), E>,
    ) -> Result<(), E> {
        let lines = Arc::new(lines);
        let mut from = 0;
        while from < lines.len() {
            if self.left_behind >= MAX_LEFT_BEHIND {
                let rest = lines.iter().skip(from).map(|_| asked::failed("not judged: too many lines took too long"));
                return deliver(rest.collect());
            }
            let (answered, missing) = self.try_from(&lines, from, &mut deliver)?;
            from += answered;
            if let Some(missing) = missing {
                deliver(vec![asked::failed(missing.words())])?;
                from += 1;
                self.left_behind += usize::from(matches!(missing, Missing::Late));
                self.jobs = seat(&self.judge)?;
            }
        }
        Ok(())
    }

    /// Lets one judge go through the lines behind `from`; gives how many it has answered, and why not the next one.
    fn try_from<E>(
        &self,
        lines: &Arc<Vec<Line>>,
        from: usize,
        deliver: &mut impl FnMut(Vec<Answer>) -> Result<(), E>,
    ) -> Result<(usize, Option<Missing>), E> {
        let (done, is_done) = mpsc::channel();
        let shared = Arc::<Shared>::default();
        // A judge that is gone drops the job, and so its `done`: seen below.
        drop(self.jobs.send(Job { lines: Arc::clone(lines), from, shared: Arc::clone(&shared), done }));
        let mut answered = 0;
        let mut latest = Instant::now();
        loop {
            let news = is_done.recv_timeout(TICK);
            let answers = shared.take();
            if !answers.is_empty() {
                answered += answers.len();
                latest = Instant::now();
                deliver(answers)?;
            }
            match news {
                Ok(()) => return Ok((answered, None)),
                Err(RecvTimeoutError::Disconnected) => return Ok((answered, Some(Missing::Failed))),
                Err(RecvTimeoutError::Timeout) if latest.elapsed() > self.patience => {
                    shared.is_given_up.store(true, Ordering::Relaxed);
                    return Ok((answered, Some(Missing::Late)));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// A new judge, who works until nobody has work for him.
fn seat<J: Fn(&Line) -> Answer + Send + Sync + 'static>(judge: &Arc<J>) -> io::Result<Sender<Job>> {
    let (jobs, work) = mpsc::channel();
    let judge = Arc::clone(judge);
    thread::Builder::new().name("judge".to_owned()).stack_size(STACK_BYTES).spawn(move || sit(&*judge, &work))?;
    Ok(jobs)
}

fn sit(judge: &impl Fn(&Line) -> Answer, work: &Receiver<Job>) {
    for job in work {
        for line in job.lines.iter().skip(job.from) {
            let answer = judge(line);
            if job.shared.is_given_up.load(Ordering::Relaxed) {
                return;
            }
            job.shared.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
        }
        // Nobody hears it where this judge was given up in this moment.
        let _ = job.done.send(());
    }
}

// === impl Shared ===

impl Shared {
    fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Missing ===

impl Missing {
    fn words(self) -> &'static str {
        match self {
            Self::Failed => "not judged: the rules failed over it",
            Self::Late => "not judged: it took too long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| Line::Text((*text).into())).collect()
    }

    /// Says what the line says; fails or never comes back where it is told to.
    fn judge(line: &Line) -> Answer {
        let Line::Text(text) = line else { panic!("no text") };
        match text.as_slice() {
            b"fail" => panic!("as asked"),
            b"hang" => loop {
                thread::sleep(Duration::from_millis(5));
            },
            text => Answer { text: String::from_utf8_lossy(text).into_owned(), is_error: false },
        }
    }

    fn answers(bench: &mut Bench<fn(&Line) -> Answer>, texts: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        let deliver = |answers: Vec<Answer>| {
            all.extend(answers);
            Ok::<(), io::Error>(())
        };
        bench.answer(lines(texts), deliver).unwrap();
        all.into_iter().map(|answer| if answer.is_error { "error".to_owned() } else { answer.text }).collect()
    }

    fn bench(patience_ms: u64) -> Bench<fn(&Line) -> Answer> {
        Bench::with_patience(judge as fn(&Line) -> Answer, Duration::from_millis(patience_ms)).unwrap()
    }

    #[test]
    fn answers_keep_the_order() {
        let texts: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut bench = bench(10_000);
        assert_eq!(answers(&mut bench, &texts), texts);
        assert_eq!(answers(&mut bench, &[]), [""; 0]);
        assert_eq!(answers(&mut bench, &["again"]), ["again"]);
    }

    #[test]
    fn a_judge_that_fails_is_replaced() {
        let mut bench = bench(10_000);
        assert_eq!(answers(&mut bench, &["a", "fail", "b", "fail", "fail"]), ["a", "error", "b", "error", "error"]);
        assert_eq!(answers(&mut bench, &["fail", "c"]), ["error", "c"]);
    }

    #[test]
    fn a_judge_that_does_not_come_back_is_left_behind() {
        let mut bench = bench(150);
        assert_eq!(answers(&mut bench, &["a", "hang", "b"]), ["a", "error", "b"]);
        assert_eq!(answers(&mut bench, &["hang", "c"]), ["error", "c"]);
        bench.left_behind = MAX_LEFT_BEHIND;
        assert_eq!(answers(&mut bench, &["d", "e"]), ["error", "error"]);
    }
}
