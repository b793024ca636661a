"""Tables that other programs and people write: their lines, whatever the file's kind, and the words in their cells."""
