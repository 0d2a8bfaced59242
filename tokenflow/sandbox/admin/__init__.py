"""The admin API: what a script does in place of people, administrators, time and bad luck."""
