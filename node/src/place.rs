//! The place that a request takes, until the last of its work is done.
//!
//! Whoever hangs up is waited for no longer. But what was begun for it goes on where it cannot be broken
//! off: on a thread of its own, or in steps that belong together. The request counts as under way until
//! that has ended too; otherwise asking and hanging up would start any amount of it.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::applications::Permit;

tokio::task_local! {
    static PLACE: Arc<Permit>;
}

/// Works on a request that takes this place.
pub(crate) async fn within<T>(place: Permit, work: impl Future<Output = T>) -> T {
    PLACE.scope(Arc::new(place), work).await
}

/// The place of the request that is being worked on, if it is one. It is free when the last clone is
/// dropped.
pub(crate) fn taken() -> Option<Arc<Permit>> {
    PLACE.try_with(Arc::clone).ok()
}

/// A task that is part of the same request.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    match taken() {
        Some(place) => tokio::spawn(PLACE.scope(place, work)),
        None => tokio::spawn(work),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::handle::{blocking, undivided};

    #[tokio::test]
    async fn who_hangs_up_has_its_place_back_when_its_work_has_ended() {
        let places = Arc::new(Semaphore::new(1));
        let place = || Permit::of(Arc::clone(&places).try_acquire_owned().unwrap());
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let on_a_thread = within(place(), async {
            undivided(async {
                blocking(move || {
                    let _ = gone.recv();
                    Ok(())
                })
                .await
            })
            .await
        });
        let hung_up = tokio::time::timeout(Duration::from_millis(50), on_a_thread).await;
        assert!(hung_up.is_err());
        assert_eq!(places.available_permits(), 0, "its work goes on");
        drop(go);
        let free = tokio::time::timeout(Duration::from_secs(30), places.acquire()).await;
        drop(free.expect("the place is free").unwrap());
        // Without anything that goes on, at once.
        let waits = within(place(), std::future::pending::<()>());
        let hung_up = tokio::time::timeout(Duration::from_millis(10), waits).await;
        assert!(hung_up.is_err());
        assert_eq!(places.available_permits(), 1);
    }
}
