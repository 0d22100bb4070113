// Draws the plots of a page with the colours of the reader's theme, and makes blocks of text copyable.
(function () {
  "use strict";

  // What goes wrong is written where people and tests see it.
  function report(message) {
    var root = document.documentElement;
    root.dataset.scriptError = (root.dataset.scriptError ? root.dataset.scriptError + "; " : "") + message;
  }
  window.addEventListener("error", function (event) {
    report(event.message || "a file could not be loaded");
  }, true);
  window.addEventListener("unhandledrejection", function (event) {
    report(String(event.reason));
  });
  document.addEventListener("securitypolicyviolation", function (event) {
    report("blocked " + event.violatedDirective + " " + event.blockedURI);
  });

  // Names of custom properties become the colours they stand for.
  function coloured(value, style) {
    if (typeof value === "string" && value.indexOf("--") === 0) {
      return style.getPropertyValue(value).trim() || "#888";
    }
    if (Array.isArray(value)) {
      return value.length > 0 && typeof value[0] === "object" && value[0] !== null
        ? value.map(function (one) { return coloured(one, style); })
        : value;
    }
    if (value !== null && typeof value === "object") {
      var copy = {};
      Object.keys(value).forEach(function (key) { copy[key] = coloured(value[key], style); });
      return copy;
    }
    return value;
  }

  function drawAll() {
    var style = getComputedStyle(document.documentElement);
    var narrow = window.matchMedia("(max-width: 40rem)").matches;
    document.querySelectorAll("script[data-plot-for]").forEach(function (data) {
      var canvas = document.getElementById(data.dataset.plotFor);
      try {
        var plot = JSON.parse(data.textContent);
        var layout = coloured(plot.layout, style);
        if (narrow) {
          // a finger scrolls the page, it does not zoom the plot
          layout.dragmode = false;
          plot.config.displayModeBar = false;
        }
        window.Plotly.react(canvas, coloured(plot.data, style), layout, plot.config);
      } catch (error) {
        report(error.message);
        canvas.textContent = "This plot could not be drawn: " + error.message;
      }
    });
  }

  function makeCopyable() {
    if (!navigator.clipboard) { return; }
    document.querySelectorAll("button[data-copy]").forEach(function (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent).then(
          function () { button.textContent = "Copied"; },
          function () { button.textContent = "Select and copy by hand"; }
        );
      });
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    makeCopyable();
    if (document.querySelector("script[data-plot-for]")) {
      drawAll();
      window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    }
  });
})();
