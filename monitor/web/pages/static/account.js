// The account's page: the recorded level as a chart, and the fall of prices worked out while the slider moves.
"use strict";
(() => {
  const CHART_EVERY_MS = { "1h": 10000, "24h": 60000, "7d": 300000, "90d": 900000 };
  const STRESS_EVERY_MS = 30000, HEIGHT = 280, CEILING = 2, SAMPLES = ["45%", "90%"];
  const fetchItems = async (path, query, key) => {
    const response = await fetch(`${path}?${new URLSearchParams(query)}`, { cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    return (await response.json())[key];
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const floor = (level) => (Math.floor(level * 100 + 1e-9) / 100).toFixed(2);

  const chart = () => {
    const box = document.getElementById("plot");
    if (!box || !window.uPlot) return () => {};
    let plot = null, asked = -Infinity;

    const thresholds = () => [...document.querySelectorAll("#thresholds li")].map((node) => node.dataset);
    const marks = () => [...document.querySelectorAll("#marks li")].map((node) => node.dataset);

    const range = (low, high) => {
      const levels = thresholds().map((one) => Number(one.level));
      const top = levels.length ? Math.max(...levels) * CEILING : Infinity;
      const from = Math.min(low ?? Infinity, ...levels), to = Math.max(Math.min(high ?? -Infinity, top), ...levels);
      const room = (to - from) / 12 || 0.1;
      return [from - room, to + room];
    };

    const drawMarks = (u) => {
      const { ctx, bbox } = u, ratio = devicePixelRatio;
      ctx.save();
      ctx.font = `${12 * ratio}px system-ui, sans-serif`;
      for (const one of thresholds()) {
        const y = u.valToPos(Number(one.level), "y", true);
        ctx.strokeStyle = ctx.fillStyle = colour(one.tone);
        ctx.setLineDash(one.name === "liquidation" ? [] : [6 * ratio, 4 * ratio]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        const isRight = one.side === "right";
        ctx.textAlign = isRight ? "right" : "left";
        ctx.fillText(`${one.name} ${one.words}`, isRight ? bbox.left + bbox.width : bbox.left + 4 * ratio, y + (one.side === "below" ? 14 : -6) * ratio);
      }
      ctx.setLineDash([]);
      ctx.lineWidth = 3 * ratio;
      for (const one of marks()) {
        const x = u.valToPos(Date.parse(one.at) / 1000, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        const [from, to] = one.kind === "alert" ? [0.86, 1] : [0, 0.12];
        ctx.strokeStyle = colour(one.tone === "dim" ? "pale" : one.tone);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top + bbox.height * from);
        ctx.lineTo(x, bbox.top + bbox.height * to);
        ctx.stroke();
      }
      ctx.restore();
    };

    // Times of the day within two days, with seconds within ten minutes; else dates.
    const timeWords = (u, seconds) => {
      const span = u.scales.x.max - u.scales.x.min;
      return seconds.map((one) => new Date(one * 1000).toISOString().slice(...(span > 172800 ? [5, 10] : [11, span < 600 ? 19 : 16])));
    };

    const options = () => {
      const axis = { stroke: colour("pale"), grid: { stroke: colour("edge"), width: 1 }, ticks: { stroke: colour("edge") } };
      return {
        width: box.clientWidth, height: HEIGHT,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: { y: { range: (_, low, high) => range(low, high) } },
        axes: [{ ...axis, space: 75, values: timeWords }, { ...axis, size: 52, values: (_, levels) => levels.map((level) => level.toFixed(2)) }],
        series: [
          { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
          { label: "level", stroke: colour("link"), width: 2, points: { show: false }, value: (_, level) => (level == null ? "–" : floor(level)) },
        ],
        cursor: { y: false }, hooks: { draw: [drawMarks], setCursor: [(u) => u.root.classList.toggle("idle", u.cursor.idx == null)] },
      };
    };

    const draw = async () => {
      const { account, scope, span } = box.dataset;
      if (performance.now() - asked < CHART_EVERY_MS[span]) { plot?.redraw(false); return; }
      asked = performance.now();
      const place = scope === "cross" ? { scope } : { scope: "isolated", symbol: scope };
      const found = await fetchItems("/api/v1/history", { metric: "margin_level", account, since: span, ...place }, "items");
      const points = found.length ? found[0].points : [];
      if (points.length < 2) return;
      const data = [points.map(([at]) => Date.parse(at) / 1000), points.map(([, level]) => (level === null ? null : Number(level)))];
      box.hidden = false;
      document.getElementById("drawing").classList.add("hidden");
      if (plot) plot.setData(data);
      else plot = new uPlot(options(), data, box);
    };

    const drawAnew = () => { asked = -Infinity; plot?.destroy(); plot = null; draw().catch(() => {}); };
    new ResizeObserver(() => { if (plot && plot.width !== box.clientWidth) plot.setSize({ width: box.clientWidth, height: HEIGHT }); }).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAnew);
    return () => {
      if (plot) document.getElementById("drawing").classList.add("hidden");
      draw().catch(() => {});
    };
  };

  // All prices fall by one fraction d, so assets and debts are straight lines in d, and the level is the quotient
  // (a + b d) / (1 + c d): the level now and two documents fix it exactly.
  const levelAfter = (now, samples) => {
    const [[d1, l1], [d2, l2]] = samples;
    const m1 = (l1 - now) / d1, m2 = (l2 - now) / d2;
    const c = l1 === l2 ? 0 : (m1 - m2) / (l2 - l1), b = m1 + c * l1;
    return (d) => (now + b * d) / (1 + c * d);
  };

  const stress = () => {
    const slider = document.getElementById("drop");
    if (!slider) return () => {};
    const account = document.getElementById("stress-form").dataset.account;
    let scopes = new Map(), asked = -Infinity;
    slider.type = "range";
    document.getElementById("stress-button").hidden = true;

    const read = async () => {
      if (performance.now() - asked < STRESS_EVERY_MS) return;
      asked = performance.now();
      const answers = await Promise.all(SAMPLES.map((drop) => fetchItems("/api/v1/stress", { drop }, "accounts")));
      const found = new Map();
      for (const [index, item] of answers[0].entries()) {
        const far = answers[1][index];
        if (item.account !== account || far?.symbol !== item.symbol || item.level_after === null || far.level_after === null) continue;
        const level = levelAfter(Number(item.level_before), [[0.45, Number(item.level_after)], [0.9, Number(far.level_after)]]);
        const reached = far.liquidated ? Number(far.liquidated_at) * 0.9 : Infinity;
        found.set(item.symbol ?? item.scope, { level, reached });
      }
      scopes = found;
    };

    const show = () => {
      const percent = Number(slider.value);
      document.getElementById("drop-words").textContent = `${percent} %`;
      for (const row of document.querySelectorAll("#stress-rows li")) {
        const scope = scopes.get(row.dataset.key), after = row.querySelector(".after");
        if (!scope || !after) continue;
        const drop = percent / 100, level = scope.level(drop), isOver = drop >= scope.reached;
        const isNear = !isOver && scope.reached < Infinity && level < scope.level(scope.reached) * 1.05;
        const isCalled = row.dataset.call !== "" && level <= Number(row.dataset.call);
        after.textContent = floor(level);
        row.className = isOver ? "bad" : isNear || isCalled ? "note" : "old" in row.dataset ? "old" : "good";
        const where = (Math.floor(scope.reached * 1000) / 10).toFixed(1);
        row.querySelector(".outcome").textContent = isOver ? `Liquidated at a fall of ${where} %.` : isNear ? "Survives, barely." : isCalled ? "Survives, with a margin call." : "Survives.";
      }
    };

    slider.addEventListener("input", show);
    return () => {
      document.getElementById("stress-button").hidden = true;
      show();
      read().then(show).catch(() => {});
    };
  };

  const parts = [chart(), stress()];
  const update = () => parts.forEach((part) => part());
  document.addEventListener("page-fresh", update);
  update();
})();
