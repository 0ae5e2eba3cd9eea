// Draws a Karel world on a canvas: floor, walls, markers, what a task has besides, and the robot.
const drawWorld = (() => {
  "use strict";

  const WALL = 16, BODY = 32, MARKERS = 15, MOST_MARKERS = 10;
  const SMALL = 12; // pixels; in smaller cells there are no counts, and no shades

  const mix = (first, second, share) =>
    `rgb(${first.map((a, i) => Math.round(a + (second[i] - a) * share)).join(" ")})`;
  const FEW = [250, 190, 60], MANY = [178, 62, 14], INK = [58, 34, 4];

  const disc = (ctx, x, y, radius, colour) => {
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fill();
  };

  const block = (ctx, x, y, width, height, radii, colour) => {
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.roundRect(x, y, width, height, radii);
    ctx.fill();
  };

  // A wall: its corners are round where it borders on floor on both sides.
  const drawWall = (ctx, open, side, look) => {
    const radius = 0.16 * side, [north, east, south, west] = open;
    const radii = [north && west, north && east, south && east, south && west].map((r) => r ? radius : 0);
    if (south && side >= SMALL) {
      block(ctx, 0, 0, side, side, radii, look.wallFront);
      block(ctx, 0, 0, side, 0.82 * side, radii, look.wall);
    } else {
      block(ctx, 0, 0, side, side, radii, look.wall);
    }
    if (north && side >= SMALL) {
      ctx.fillStyle = look.wallLight;
      ctx.fillRect(radii[0], 0, side - radii[0] - radii[1], Math.max(1, 0.05 * side));
    }
  };

  const drawMarkers = (ctx, count, side, radius) => {
    const share = (count - 1) / (MOST_MARKERS - 1);
    disc(ctx, side / 2, 0.5 * side, radius * side, mix(FEW.map((c, i) => c + (MANY[i] - c) * share), INK, 0.35));
    disc(ctx, side / 2, 0.49 * side, radius * 0.86 * side, mix(FEW, MANY, share));
    if (count > 1 && side >= SMALL) {
      ctx.fillStyle = count > MOST_MARKERS / 2 ? "#fff" : "#3a2204";
      ctx.font = `600 ${0.42 * side}px system-ui, sans-serif`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(count, side / 2, 0.52 * side);
    }
  };

  const drawKey = (ctx, side) => {
    ctx.strokeStyle = "#b8860b";
    ctx.lineWidth = 0.1 * side;
    ctx.beginPath();
    ctx.arc(0.34 * side, 0.5 * side, 0.15 * side, 0, 2 * Math.PI);
    ctx.moveTo(0.49 * side, 0.5 * side);
    ctx.lineTo(0.84 * side, 0.5 * side);
    ctx.lineTo(0.84 * side, 0.66 * side);
    ctx.moveTo(0.68 * side, 0.5 * side);
    ctx.lineTo(0.68 * side, 0.62 * side);
    ctx.stroke();
  };

  const drawDoor = (ctx, side, isShut) => {
    if (isShut) {
      block(ctx, 0, 0, side, side, 0, "#8a5a2b");
      block(ctx, 0.14 * side, 0.1 * side, 0.72 * side, 0.8 * side, 0.06 * side, "#b37a40");
      disc(ctx, 0.72 * side, 0.5 * side, 0.06 * side, "#3a2204");
    } else {
      ctx.fillStyle = "#b37a40";
      ctx.fillRect(0, 0, 0.08 * side, side);
      ctx.fillRect(0.92 * side, 0, 0.08 * side, side);
    }
  };

  const drawGoal = (ctx, side) => {
    ctx.strokeStyle = "#b23e0e";
    ctx.lineWidth = Math.max(1, 0.06 * side);
    ctx.setLineDash([0.16 * side, 0.1 * side]);
    ctx.strokeRect(0.08 * side, 0.08 * side, 0.84 * side, 0.84 * side);
    ctx.setLineDash([]);
  };

  const drawFood = (ctx, side) => {
    disc(ctx, 0.5 * side, 0.55 * side, 0.3 * side, "#c8382c");
    ctx.strokeStyle = "#2f7d4f";
    ctx.lineWidth = Math.max(1, 0.08 * side);
    ctx.beginPath();
    ctx.moveTo(0.5 * side, 0.28 * side);
    ctx.quadraticCurveTo(0.54 * side, 0.12 * side, 0.7 * side, 0.14 * side);
    ctx.stroke();
  };

  // The robot heading north: a drop with its tip ahead, two eyes, and a track on either side.
  const drawRobot = (ctx, side, heading, look) => {
    ctx.save();
    ctx.translate(side / 2, side / 2);
    ctx.rotate((heading * Math.PI) / 2);
    const reach = Math.max(1, SMALL / side); // in small cells it is larger than its cell
    ctx.scale(side * reach, side * reach);
    const drop = (radius, tip, colour) => {
      const centre = 0.06, angle = Math.acos(radius / (centre - tip));
      ctx.fillStyle = colour;
      ctx.beginPath();
      ctx.moveTo(0, tip);
      ctx.lineTo(radius * Math.sin(angle), centre - radius * Math.cos(angle));
      ctx.arc(0, centre, radius, -(Math.PI / 2 - angle), Math.PI + (Math.PI / 2 - angle));
      ctx.closePath();
      ctx.fill();
    };
    for (const x of [-0.34, 0.2]) block(ctx, x, -0.12, 0.14, 0.44, 0.06, look.robotDark);
    drop(0.325, -0.485, look.robotEdge);
    drop(0.29, -0.43, look.robot);
    for (const x of [-0.11, 0.11]) {
      disc(ctx, x, -0.04, 0.09, "#fff");
      disc(ctx, x, -0.07, 0.05, "#112642");
    }
    ctx.restore();
  };

  const drawTrail = (ctx, trail, width, side, look) => {
    ctx.lineWidth = Math.max(1.5, 0.09 * side);
    ctx.strokeStyle = look.robot;
    const place = (cell) => [((cell % width) + 0.5) * side, (Math.floor(cell / width) + 0.5) * side];
    trail.slice(1).forEach((cell, i) => {
      if (cell === trail[i]) return;
      ctx.globalAlpha = (0.4 * (i + 1)) / trail.length;
      ctx.beginPath();
      ctx.moveTo(...place(trail[i]));
      ctx.lineTo(...place(cell));
      ctx.stroke();
    });
    ctx.globalAlpha = 1;
  };

  /* What a cell holds, robot aside. `cells` are markers, plus WALL or BODY; `landmarks` the cells
     of doors, keys and goals; where there is `food`, every marker that is no body is food. */
  const drawCell = (ctx, cells, cell, width, side, landmarks, look) => {
    const is = (name) => landmarks[name]?.includes(cell);
    const held = cells[cell], count = held & MARKERS;
    if (is("door")) return drawDoor(ctx, side, (held & WALL) !== 0);
    if (held & WALL) {
      const column = cell % width;
      const free = (there, other) => there && other >= 0 && other < cells.length && !(cells[other] & WALL);
      return drawWall(ctx, [
        free(true, cell - width), free(column < width - 1, cell + 1),
        free(true, cell + width), free(column > 0, cell - 1),
      ], side, look);
    }
    if (is("goal")) drawGoal(ctx, side);
    if (held & BODY) block(ctx, 0.1 * side, 0.1 * side, 0.8 * side, 0.8 * side, 0.26 * side, look.body);
    else if (count && is("key")) drawKey(ctx, side);
    else if (count && landmarks.food) drawFood(ctx, side);
    else if (count) drawMarkers(ctx, count, side, 0.33);
  };

  return (canvas, size, view, landmarks, look) => {
    const { height, width } = size, ratio = window.devicePixelRatio || 1;
    // Whole pixels a cell, lest seams show between walls; the page stretches the rest.
    const side = Math.max(1, Math.round((canvas.clientWidth * ratio) / width));
    canvas.width = side * width;
    canvas.height = side * height;
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = look.floor;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = look.grid;
    const line = Math.max(1, ratio / 2);
    for (let k = 1; k < width; k++) ctx.fillRect(Math.round(k * side), 0, line, canvas.height);
    for (let k = 1; k < height; k++) ctx.fillRect(0, Math.round(k * side), canvas.width, line);
    const at = (cell, draw) => {
      ctx.save();
      ctx.translate((cell % width) * side, Math.floor(cell / width) * side);
      draw();
      ctx.restore();
    };
    view.cells.forEach((held, cell) => {
      if (held || landmarks.goal?.includes(cell) || landmarks.door?.includes(cell)) {
        at(cell, () => drawCell(ctx, view.cells, cell, width, side, landmarks, look));
      }
    });
    drawTrail(ctx, view.trail, width, side, look);
    at(view.robot >> 2, () => {
      const count = view.cells[view.robot >> 2] & MARKERS;
      if (count && !landmarks.food) drawMarkers(ctx, count, side, 0.46);
      drawRobot(ctx, side, view.robot & 3, look);
    });
  };
})();
