
// draw shows charts as package report writes them. Colours are those of the pictures.
function draw(charts) {
  const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6e6e6e"];
  const place = document.getElementById("charts"), seconds = document.getElementById("seconds");
  if (!place || !charts) return;
  // decades leaves the lines of powers of ten where there are many.
  const decades = (u, ticks) => ticks.map(v => ticks.length < 30 || Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9 ? v : null);
  const number = v => v == null ? "-" : Number(v.toPrecision(4)).toString();
  const marks = (chart, at) => u => {
    const c = u.ctx;
    c.save();
    c.strokeStyle = c.fillStyle = "#999";
    c.setLineDash([4, 4]);
    c.textAlign = "left";
    for (const m of chart.marks) {
      const x = Math.round(u.valToPos(at(m), "x", true));
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
      c.beginPath();
      c.moveTo(x, u.bbox.top);
      c.lineTo(x, u.bbox.top + u.bbox.height);
      c.stroke();
      if (chart.marks.length <= 12) c.fillText(m.text, x + 4 * devicePixelRatio, u.bbox.top + 12 * devicePixelRatio);
    }
    c.restore();
  };
  const whole = [1, 2, 5].flatMap(m => [...Array(10).keys()].map(e => m * 10 ** e)).sort((a, b) => a - b); // between ticks
  let plots = [];
  const show = () => {
    plots.forEach(p => p.destroy());
    const x = seconds.checked ? "seconds" : "step";
    plots = charts.map(chart => {
      const few = chart.steps.length <= 60;
      return new uPlot({
        title: chart.title, width: place.clientWidth, height: 380, class: "chart",
        scales: { x: { time: false }, y: { distr: 3 } },
        axes: [{ label: seconds.checked ? "seconds of training" : "step", incrs: seconds.checked ? undefined : whole },
               { size: 80, grid: { filter: decades }, values: (u, ticks) => ticks.map(v => v == null ? "" : v.toExponential(0)) }],
        series: [{ label: x, value: (u, v) => number(v) }].concat(chart.curves.map((c, k) => ({
          label: c.name, stroke: colours[k % colours.length], width: c.heavy ? 2.5 : 1.3, dash: c.dashed ? [6, 4] : undefined,
          spanGaps: true, points: { show: few }, value: (u, v) => v == null ? "-" : v.toExponential(3),
        }))),
        hooks: { draw: [marks(chart, m => seconds.checked ? m.seconds : m.step)] },
      }, [seconds.checked ? chart.seconds : chart.steps].concat(chart.curves.map(c => c.values)), place);
    });
  };
  seconds.addEventListener("change", show);
  window.addEventListener("resize", show);
  show();
}
