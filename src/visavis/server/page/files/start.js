// Loads the page's modules after its first paint, because loading and running them first would delay it.

requestAnimationFrame(() => setTimeout(() => import("./main.js")));
