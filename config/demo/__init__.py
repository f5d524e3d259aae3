"""What `manage.py demo` is made of: the shop's rows, the workflows on them, and the processes in one."""
