// Draws a Karel world on a canvas: floor, walls, markers, the looks of cells, and the robot.
// LOOKS, the shapes of all looks, is written before this script; see rendering/look_shapes.py.
const drawWorld = (() => {
  "use strict";

  const WALL = 16, LOOK_SHIFT = 5, MARKERS = 15, MOST_MARKERS = 10;
  const SMALL = 12; // pixels; in smaller cells there are no counts, and no shades
  const TINY = 5; // pixels; smaller cells have one color
  const is = LOOKS.names;

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

  const drawMarkers = (ctx, count, side, radius, [x, y] = [0.5, 0.5]) => {
    const share = (count - 1) / (MOST_MARKERS - 1);
    disc(ctx, x * side, y * side, radius * side, mix(FEW.map((c, i) => c + (MANY[i] - c) * share), INK, 0.35));
    disc(ctx, x * side, (y - 0.01) * side, radius * 0.86 * side, mix(FEW, MANY, share));
    if (count > 1 && side >= SMALL) {
      ctx.fillStyle = count > MOST_MARKERS / 2 ? "#fff" : "#3a2204";
      ctx.font = `600 ${Math.min(0.42, 1.3 * radius) * side}px system-ui, sans-serif`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(count, x * side, (y + 0.02) * side);
    }
  };

  const drawShapes = (ctx, shapes, side) => {
    for (const [kind, colour, numbers, opacity] of shapes) {
      const at = numbers.map((number) => number * side);
      ctx.globalAlpha = opacity;
      ctx.fillStyle = ctx.strokeStyle = colour;
      ctx.beginPath();
      if (kind === "disc") ctx.arc(at[0], at[1], at[2], 0, 2 * Math.PI);
      else if (kind === "box") ctx.rect(...at);
      else {
        for (let i = kind === "stroke" ? 1 : 0; i < at.length; i += 2) ctx.lineTo(at[i], at[i + 1]);
      }
      if (kind === "stroke") {
        ctx.lineWidth = at[0];
        ctx.lineCap = ctx.lineJoin = "round";
        ctx.stroke();
      } else ctx.fill();
    }
    ctx.globalAlpha = 1;
  };

  const drawLook = (ctx, look, side) => {
    const shapes = (side < TINY && LOOKS.tiny[look]) || (side < SMALL && LOOKS.small[look]) || LOOKS.large[look];
    if (shapes && look !== is.HEAD) drawShapes(ctx, shapes, side);
  };

  // The sides to which bodies and trails go on, by cell.
  const linksOf = (cells, width) => {
    const steps = [-width, 1, width, -1], links = new Map();
    const add = (cell, kind, way) => {
      if (!links.has(cell)) links.set(cell, { body: 0, trail: 0 });
      links.get(cell)[kind] |= 1 << way;
    };
    cells.forEach((held, cell) => {
      const look = held >> LOOK_SHIFT, way = look & 3;
      if (look < is.BODY_NORTH) return;
      const kind = look < is.TRAIL_NORTH ? "body" : "trail";
      add(cell, kind, way);
      add(cell + steps[way], kind, way ^ 2);
    });
    return links;
  };

  // The robot heading north: a drop with its tip ahead, two eyes, and a track on either side.
  const drawRobot = (ctx, side, heading, isHead, look) => {
    ctx.save();
    ctx.translate(side / 2, side / 2);
    ctx.rotate((heading * Math.PI) / 2);
    const reach = Math.max(1, SMALL / side); // in small cells it is larger than its cell
    ctx.scale(side * reach, side * reach);
    if (isHead) {
      ctx.translate(-0.5, -0.5);
      drawShapes(ctx, LOOKS.large[is.HEAD], 1);
      ctx.restore();
      return;
    }
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

  // Doors and trails are drawn on the floor.
  const isWall = (held) =>
    (held & WALL) !== 0 && held >> LOOK_SHIFT !== is.CLOSED_DOOR && held >> LOOK_SHIFT < is.TRAIL_NORTH;

  // The contents of a cell, robot aside: markers, WALL, and a look.
  const drawCell = (ctx, cells, cell, width, side, links, look) => {
    const held = cells[cell], count = held & MARKERS, kind = held >> LOOK_SHIFT;
    if (isWall(held)) {
      const column = cell % width;
      const free = (there, other) => there && other >= 0 && other < cells.length && !isWall(cells[other]);
      return drawWall(ctx, [
        free(true, cell - width), free(column < width - 1, cell + 1),
        free(true, cell + width), free(column > 0, cell - 1),
      ], side, look);
    }
    if (links?.body) drawShapes(ctx, LOOKS.body[links.body], side);
    drawLook(ctx, kind, side);
    if (links?.trail) drawShapes(ctx, LOOKS.trail[links.trail], side);
    if (!count) return;
    if (LOOKS.inPlaceOfMarkers.includes(kind)) {
      if (count > 1 && side >= SMALL) drawMarkers(ctx, count, side, 0.2, [0.8, 0.8]);
    } else if (kind === is.GOAL) drawMarkers(ctx, count, side, 0.23, [0.64, 0.72]);
    else if (side >= TINY || !LOOKS.tiny[kind]) drawMarkers(ctx, count, side, 0.33);
  };

  return (canvas, size, view, look) => {
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
    const links = linksOf(view.cells, width), place = view.robot >> 2;
    view.cells.forEach((held, cell) => {
      if (held || links.has(cell)) {
        at(cell, () => drawCell(ctx, view.cells, cell, width, side, links.get(cell), look));
      }
    });
    drawTrail(ctx, view.trail, width, side, look);
    at(place, () => {
      const count = view.cells[place] & MARKERS;
      if (count) drawMarkers(ctx, count, side, 0.46);
      drawRobot(ctx, side, view.robot & 3, view.cells[place] >> LOOK_SHIFT === is.HEAD, look);
    });
  };
})();
