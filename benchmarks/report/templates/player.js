// The players: each replays policies side by side, on the same world.
(() => {
  "use strict";

  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const TRAIL = 14; // steps of the way behind the robot that are shown
  const ENDS = {
    solved: "solved", failed: "failed", halted: "the program has ended",
    "out of steps": "out of steps",
  };

  const number = (value) => (Math.round(value * 100) / 100 + 0).toFixed(2).replace("-", "\u2212");

  /* One episode, at any of its steps. */
  class Episode {
    constructor(start, data) {
      this.start = start;
      this.data = data;
      this.length = data.robots.length;
      this.rewind();
    }

    rewind() {
      this.step = 0;
      this.next = 0;
      const { cells, looks } = this.start;
      this.cells = Array.from(cells, (letter, i) => ALPHABET.indexOf(letter) + 32 * ALPHABET.indexOf(looks[i] ?? "A"));
    }

    seek(step) {
      step = Math.min(step, this.length);
      if (step < this.step) this.rewind();
      const { changes } = this.data;
      for (; this.next < changes.length && changes[this.next] < step; this.next += 3) {
        this.cells[changes[this.next + 1]] = changes[this.next + 2];
      }
      this.step = step;
    }

    get robot() { return this.step ? this.data.robots[this.step - 1] : this.start.robot; }

    get trail() {
      const robots = [this.start.robot, ...this.data.robots.slice(0, this.step)];
      return robots.slice(-TRAIL).map((robot) => robot >> 2);
    }

    get line() { return this.step ? this.data.lines[this.step - 1] ?? -1 : -1; }

    get return() {
      let sum = 0;
      for (let i = 0; i < this.data.rewards.length; i += 2) {
        if (this.data.rewards[i] < this.step) sum += this.data.rewards[i + 1];
      }
      return sum;
    }

    get end() {
      if (this.step < this.length) return "";
      return ENDS[this.data.end] ?? `shown up to step ${this.length}`;
    }
  }

  class Player {
    constructor(root) {
      this.root = root;
      this.data = JSON.parse(document.getElementById(root.dataset.player).textContent);
      this.seats = [...root.querySelectorAll(".seat")];
      this.scrub = root.querySelector("input[type=range]");
      this.status = root.querySelector(".status");
      this.speed = root.querySelector("select");
      this.playButton = root.querySelector("[data-do=play]");
      this.step = 0;
      this.frame = 0;
      root.querySelectorAll(".choices input").forEach((input) => {
        input.addEventListener("change", () => this.choose(input.type === "radio"));
      });
      root.querySelectorAll("[data-do]").forEach((button) => {
        button.addEventListener("click", () => this.act(button.dataset.do));
      });
      this.scrub.addEventListener("input", () => this.go(Number(this.scrub.value)));
      root.addEventListener("keydown", (event) => this.press(event));
      new ResizeObserver(() => this.draw()).observe(root.querySelector(".stage"));
      document.addEventListener("filter", () => this.choose(false));
      root.closest("details")?.addEventListener("toggle", (event) => event.target.open || this.pause());
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
      this.choose(true);
    }

    chosen(name) {
      return [...this.root.querySelectorAll(`.choices input[name^=${name}]:checked`)].map((x) => Number(x.value));
    }

    /* Shows the chosen world, size and policies; from the beginning, if there is another world. */
    choose(isOther) {
      const [world] = this.chosen("world"), [size = 0] = this.chosen("size");
      this.size = this.data.sizes[size];
      const start = this.size.starts[world];
      const chosen = this.seats.length > 1 ? this.chosen("policy") : [0];
      const shown = chosen.filter((i) => !this.seats[i].classList.contains("off"));
      this.episodes = this.seats.map((seat, i) => {
        seat.hidden = !shown.includes(i);
        const data = this.size.episodes[i][world];
        return data ? new Episode(start, data) : null;
      });
      this.last = Math.max(0, ...this.episodes.map((e, i) => (e && shown.includes(i) ? e.length : 0)));
      this.scrub.max = this.last;
      this.go(isOther ? 0 : this.step);
    }

    go(step) {
      this.pause();
      this.show(step);
    }

    show(step) {
      this.step = Math.max(0, Math.min(this.last, step));
      this.root.dataset.step = this.step;
      this.scrub.value = this.step;
      this.scrub.setAttribute("aria-valuetext", `step ${this.step} of ${this.last}`);
      for (const episode of this.episodes) episode?.seek(this.step);
      const told = [];
      this.seats.forEach((seat, i) => {
        const episode = this.episodes[i], caption = seat.querySelector(".caption");
        seat.classList.toggle("unable", !episode);
        if (!episode) {
          caption.textContent = "made for worlds of another size";
          return;
        }
        const end = episode.end, text = `step ${episode.step} · return ${number(episode.return)}`;
        caption.textContent = end ? `${text} · ${end}` : text;
        caption.dataset.end = end && episode.data.end;
        this.mark(seat, episode.line);
        if (!seat.hidden) {
          told.push(`${seat.querySelector("strong").textContent}: return ${number(episode.return)}${end && `, ${end}`}`);
        }
      });
      this.status.textContent = `Step ${this.step} of ${this.last}. ${told.join(". ")}.`;
      this.draw();
    }

    /* Marks the line of a program that the last action came from. */
    mark(seat, line) {
      seat.querySelectorAll(".line").forEach((element, i) => {
        element.classList.toggle("current", i === line);
        if (i === line) element.setAttribute("aria-current", "step");
        else element.removeAttribute("aria-current");
      });
    }

    draw() {
      const style = getComputedStyle(this.root), look = {};
      for (const name of ["floor", "grid", "wall", "wall-light", "wall-front", "robot", "robot-dark", "robot-edge"]) {
        look[name.replace(/-./g, (x) => x[1].toUpperCase())] = style.getPropertyValue(`--${name}`);
      }
      this.seats.forEach((seat, i) => {
        const episode = this.episodes[i], canvas = seat.querySelector("canvas");
        if (episode && canvas.clientWidth) drawWorld(canvas, this.size, episode, look);
      });
    }

    get isPlaying() { return this.frame !== 0; }

    play() {
      if (this.step >= this.last) this.show(0);
      let shown = performance.now();
      const next = (now) => {
        const steps = Math.floor(((now - shown) / 1000) * Number(this.speed.value));
        if (steps > 0) {
          shown += (1000 * steps) / Number(this.speed.value);
          this.show(this.step + steps);
        }
        if (this.step >= this.last) this.pause();
        else this.frame = requestAnimationFrame(next);
      };
      this.frame = requestAnimationFrame(next);
      this.tell();
    }

    pause() {
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      this.tell();
    }

    /* While it plays, the status is not read out: it changes too often. */
    tell() {
      this.root.classList.toggle("playing", this.isPlaying);
      this.playButton.setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
      this.status.setAttribute("aria-live", this.isPlaying ? "off" : "polite");
    }

    act(name) {
      if (name === "play") return this.isPlaying ? this.pause() : this.play();
      return this.go({ first: 0, back: this.step - 1, forward: this.step + 1, last: this.last }[name]);
    }

    press(event) {
      const { target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      // What has keys of its own keeps them: choices and buttons.
      if (target !== this.scrub && target.closest("input, select")) return;
      if (event.key === " " && target.closest("button")) return;
      const name = {
        " ": "play", ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last",
      }[event.key];
      if (!name) return;
      event.preventDefault();
      this.act(name);
    }
  }

  // A player in a fold begins when the fold is first opened.
  for (const root of document.querySelectorAll("[data-player]")) {
    const fold = root.closest("details");
    if (!fold || fold.open) new Player(root);
    else fold.addEventListener("toggle", () => new Player(root), { once: true });
  }
})();
