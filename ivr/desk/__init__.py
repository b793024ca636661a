"""What an agent's desk and a supervisor's overview show and allow: rules and figures, no HTTP and no Asterisk."""
