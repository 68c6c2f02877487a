import './styles/base.css';
import './styles/controls.css';
import './styles/pages.css';
import { render } from 'preact';
import { App } from './app.js';

const root = document.getElementById('app');
if (root) {
  document.documentElement.dataset['started'] = 'true';
  render(<App />, root);
}
