// Shows how far a run is, every five seconds, and loads its page again when it has ended. Without it the page refreshes.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const bar = document.getElementById("bar");
  const figures = document.getElementById("figures");
  const look = async () => {
    let answer;
    try {
      answer = await fetch(live.dataset.url, { credentials: "same-origin", redirect: "error" });
    } catch {
      return; // the next look may find the server again
    }
    if (!answer.ok) return;
    const run = await answer.json();
    if (run.state !== "running" && run.state !== "queued") {
      location.reload();
      return;
    }
    if (run.total) {
      bar.max = run.total;
      bar.value = run.done || 0;
    }
    figures.textContent = [run.stage, run.total ? `${run.done || 0} / ${run.total}` : ""].filter(Boolean).join(" ");
  };
  setInterval(look, 5000);
})();
