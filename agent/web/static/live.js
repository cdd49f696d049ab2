// Keeps an open page true: when the agent tells of news, the parts of the page that changed are put in
// place. Everything else works without this file.
"use strict";

(() => {
  const main = document.querySelector("main[data-live]");
  if (!main || !window.EventSource) return;
  let waiting = false;
  let busy = false;
  let caughtUp = false; // what the first look replaces is no news to somebody who has just come

  const isBeingUsed = (part) => {
    const active = document.activeElement;
    const writing = active && part.contains(active) && active.matches("textarea, input, select");
    const written = [...part.querySelectorAll("textarea")].some((field) => field.value !== "");
    return writing || written;
  };

  const openDetails = (part) => [...part.querySelectorAll("details")].map((one) => one.open);

  const replace = (old, fresh) => {
    const open = openDetails(old);
    [...fresh.querySelectorAll("details")].forEach((one, place) => { if (open[place]) one.open = true; });
    if (caughtUp) fresh.classList.add("fresh");
    old.replaceWith(fresh);
  };

  const refresh = async () => {
    if (busy) { waiting = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/sign-in") { location.reload(); return; }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = page.title;
      const clock = page.querySelector("[data-clock]");
      if (clock) document.querySelector("[data-clock]").textContent = clock.textContent;
      const parts = [...page.querySelectorAll("[data-part]")];
      const names = parts.map((part) => part.dataset.part);
      const here = [...document.querySelectorAll("[data-part]")].map((part) => part.dataset.part);
      if (names.join() !== here.join() && ![...main.querySelectorAll("[data-part]")].some(isBeingUsed)) {
        main.replaceChildren(...page.querySelector("main").childNodes);
        return;
      }
      for (const fresh of parts) {
        const old = document.querySelector(`[data-part="${fresh.dataset.part}"]`);
        if (old && !isBeingUsed(old) && old.innerHTML !== fresh.innerHTML) replace(old, fresh);
      }
    } catch (error) {
      // the agent is away for a moment; the stream tells when it is back
    } finally {
      busy = false;
      caughtUp = true;
      if (waiting) { waiting = false; setTimeout(refresh, 1000); }
    }
  };

  const stream = new EventSource(main.dataset.live);
  for (const kind of ["audit", "task", "open"]) stream.addEventListener(kind, refresh);
  setInterval(refresh, 30000);
})();
