// Folds: a link to something in a fold opens it; a button opens all tasks.
(() => {
  "use strict";

  const reveal = (hash) => {
    const target = document.getElementById(decodeURIComponent(hash.slice(1)));
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
    return target;
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link) reveal(link.hash);
  });
  addEventListener("hashchange", () => reveal(location.hash));
  reveal(location.hash)?.scrollIntoView();

  const button = document.querySelector("[data-open-all]"), tasks = [...document.querySelectorAll(".task")];
  if (!button) return;
  const areOpen = () => tasks.every((task) => task.open);
  const name = () => (button.textContent = areOpen() ? "Close all" : "Open all");
  button.hidden = false;
  button.addEventListener("click", () => {
    const open = !areOpen();
    for (const task of tasks) task.open = open;
    name();
  });
  for (const task of tasks) task.addEventListener("toggle", name);
})();
