/*
 * Tells people whose browser cannot even run the app. A classic script in the oldest syntax, so that every browser can read it.
 * The app sets `data-started` on the root element; what it finds missing itself (WebRTC, a secure page) it tells by itself.
 */
(() => {
  var root = document.documentElement;

  function show() {
    if (root.getAttribute('data-started')) return;
    var message = document.getElementById('cannot-start');
    if (message) message.removeAttribute('hidden');
  }

  // Parse errors and scripts that did not arrive; script elements do not bubble, hence the capture.
  window.addEventListener('error', show, true);
  window.addEventListener('load', () => {
    if (!('noModule' in document.createElement('script'))) show();
  });
})();
