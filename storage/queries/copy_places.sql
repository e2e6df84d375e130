COPY pg_temp.amended (time, call_key) FROM STDIN
