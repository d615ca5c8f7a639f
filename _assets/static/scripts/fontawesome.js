// Stands in for the theme's 1.5 MB script: convbook.css draws the icons from the theme's font.
