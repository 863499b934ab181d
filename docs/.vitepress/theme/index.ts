import theme from 'vitepress/theme-without-fonts';
import 'katex/dist/katex.css';
import './style.css';

export default theme;
