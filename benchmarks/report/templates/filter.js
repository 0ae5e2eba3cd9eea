// The switches of the overview: one kind of worlds at a time, and methods that are hidden everywhere.
(() => {
  "use strict";

  const switches = document.querySelector(".switches");
  if (!switches) return;
  switches.hidden = false;

  const matrices = document.querySelectorAll("[data-kind]");
  const kinds = switches.querySelectorAll("[name=kind]");
  const showKind = () => {
    const shown = [...kinds].find((kind) => kind.checked)?.value ?? "0";
    for (const matrix of matrices) matrix.hidden = matrix.dataset.kind !== shown;
  };
  for (const kind of kinds) kind.addEventListener("change", showKind);
  showKind();

  const boxes = [...switches.querySelectorAll("[name=method]")];
  const showMethods = () => {
    const off = new Set(boxes.filter((box) => !box.checked).map((box) => box.value));
    for (const part of document.querySelectorAll("[data-method]")) {
      part.classList.toggle("off", off.has(part.dataset.method));
    }
    document.dispatchEvent(new Event("filter"));
  };
  for (const box of boxes) box.addEventListener("change", showMethods);
  for (const button of switches.querySelectorAll("[data-filter]")) {
    button.addEventListener("click", () => {
      for (const box of boxes) box.checked = button.dataset.filter === "all";
      showMethods();
    });
  }
})();
