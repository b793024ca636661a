"""Tables from and for other programs and people: their lines, whatever the file, and the words in their cells."""
