// Draws the charts; the page is complete without them.
const charts = document.getElementById("charts");

async function draw() {
  const [response] = await Promise.all([
    fetch(charts.dataset.specs, { credentials: "same-origin" }),
    import(charts.dataset.vega), // sets window.vegaEmbed
  ]);
  if (!response.ok) throw new Error(`charts: ${response.status}`);
  const specs = await response.json();
  const options = {
    ast: true, // expressions are interpreted: the page's policy forbids eval
    actions: false,
    defaultStyle: false, // a style element would break the policy; planner.css has the rules
    renderer: "svg",
    logLevel: 1, // errors only
    tooltip: { disableDefaultStyle: true },
  };
  for (const [name, spec] of Object.entries(specs)) {
    await window.vegaEmbed(`#chart-${name}`, spec, options);
  }
  charts.dataset.drawn = "yes";
}

if (charts) {
  draw().catch((error) => {
    console.warn(error.message);
    const note = document.createElement("p");
    note.className = "note";
    note.setAttribute("role", "status");
    note.textContent = charts.dataset.failed;
    charts.replaceChildren(note);
    charts.dataset.drawn = "failed";
  });
}
